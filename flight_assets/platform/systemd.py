"""Units of systemd, by which a machine starts the platform at boot and watches its supervisor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flight_assets.settings import Settings

UNIT = "flights.service"
START_TIMEOUT_S = 900
STOP_TIMEOUT_S = 300


def units(settings: Settings, user: str, *, live: bool = False) -> dict[str, str]:
    """Return the text of each unit by its file name.

    The unit follows supervisord, which `flights up` starts and which restarts the services itself.
    Its socket is in the folder for temporary files, so the unit has no private one.
    """
    program = Path(sys.executable).parent / "flights"
    environment = {
        "FLIGHTS_HOME": settings.home,
        "FLIGHTS_CACHE_DIR": settings.cache_dir,
        "FLIGHTS_PORT_OFFSET": settings.port_offset,
        "FLIGHTS_PROFILE": settings.profile,
        "FLIGHTS_SECURED": str(settings.secured).lower(),
    }
    variables = "\n".join(f'Environment="{name}={value}"' for name, value in environment.items())
    return {
        UNIT: f"""[Unit]
Description=Flight tracking platform
Wants=network-online.target
After=network-online.target

[Service]
Type=forking
User={user}
{variables}
WorkingDirectory=/
PIDFile={settings.home}/run/supervisord.pid
ExecStart={program} up{" --live" if live else ""}
ExecStop={program} down
TimeoutStartSec={START_TIMEOUT_S}
TimeoutStopSec={STOP_TIMEOUT_S}
Restart=on-failure
RestartSec=10
NoNewPrivileges=yes
ProtectSystem=full
UMask=0077

[Install]
WantedBy=multi-user.target
"""
    }
