"""Make the users of Airflow, with passwords from a file: `users.py PASSWORDS NAME:ROLE,NAME:ROLE`.

Runs in Airflow's environment, after its database was migrated. A user that is there gets the password of the
file, and keeps the roles that somebody gave it. Passwords stand in no command line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def make(passwords: dict[str, str], roles: dict[str, str]) -> None:
    """Add each user that is missing, and set everybody's password."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        manager = builder.sm
        for name, password in passwords.items():
            known = manager.find_user(username=name)
            if known:
                manager.reset_password(known.id, password)
                continue
            role = manager.find_role(roles[name])
            if role is None:
                raise SystemExit(f"Airflow has no role {roles[name]}")
            added = manager.add_user(name, name, name, f"{name}@flights.invalid", role, password=password)
            if not added:
                raise SystemExit(f"Airflow did not take the user {name}")


if __name__ == "__main__":
    make(json.loads(Path(sys.argv[1]).read_text()), dict(pair.split(":") for pair in sys.argv[2].split(",")))
