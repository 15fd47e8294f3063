"""Parts of the operations page, one module each; the page itself is ``app_pages/operations.py``."""

from __future__ import annotations
