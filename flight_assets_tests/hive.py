"""A client of HiveServer2 that the platform does not use: pyhive, over TLS and with a password where the
server asks for them.
"""

from __future__ import annotations

import ssl
from typing import Any

from flight_assets.settings import Settings

TIMEOUT_MS = 120_000


def connect(settings: Settings, user: str, password: str = "", **configuration: str) -> Any:
    """A connection to the warehouse's database.

    A secured platform asks for ``password``, the user's own if none is given.
    """
    from pyhive import hive

    host, port = settings.hiveserver2_address.split(":")
    options = {
        "username": user,
        "database": settings.warehouse_database,
        "configuration": configuration or None,
    }
    if not settings.secured:
        return hive.connect(host, int(port), **options)
    return hive.connect(thrift_transport=_signed_in(settings, host, int(port), user, password), **options)


def _signed_in(settings: Settings, host: str, port: int, user: str, password: str) -> Any:
    from pyhive.hive import get_installed_sasl
    from thrift.transport.TSSLSocket import TSSLSocket
    from thrift_sasl import TSaslClientTransport

    context = ssl.create_default_context(cafile=settings.kafka_ca_file)
    socket = TSSLSocket(host, port, ssl_context=context)
    socket.setTimeout(TIMEOUT_MS)
    secret = password or settings.secret(f"hive_{user}").get_secret_value()
    return TSaslClientTransport(
        lambda: get_installed_sasl(host=host, sasl_auth="PLAIN", username=user, password=secret),
        "PLAIN",
        socket,
    )
