"""Serve the API until killed: ``python -m flight_assets.api``."""

from __future__ import annotations

import uvicorn

from flight_assets import logs
from flight_assets.api.app import create_app
from flight_assets.api.context import open_context
from flight_assets.settings import get_settings


def main() -> None:
    """Serve at the platform's port."""
    settings = get_settings()
    logs.configure(settings)
    context = open_context(settings)
    app = create_app(context)
    context.webhooks.start()
    uvicorn.run(
        app,
        host=settings.bind_host,
        port=settings.port("api"),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
