"""End calls to a Spark Connect server that hangs.

Library: pyspark 4.2.0
Symptom: a call waits without end for a server that keeps its connection and says nothing.
Gain: none in time. A run against a hanging Spark ends after 320 s with a sentence.
Guard: flight_assets_tests/faults/test_network.py::test_a_store_that_hangs_is_given_up_within_its_time
Remove: when the connection string or a setting takes gRPC's keepalive.
"""

from __future__ import annotations

# A call that hangs ends after the sum of both. The server treats more than one ping in five minutes as an
# attack.
KEEPALIVE = {"grpc.keepalive_time_ms": 300_000, "grpc.keepalive_timeout_ms": 20_000}


def apply() -> None:
    """Let the channels that this process opens from now on ping their server."""
    from pyspark.sql.connect.client import ChannelBuilder

    options = dict(ChannelBuilder.GRPC_DEFAULT_OPTIONS) | KEEPALIVE
    ChannelBuilder.GRPC_DEFAULT_OPTIONS[:] = options.items()
