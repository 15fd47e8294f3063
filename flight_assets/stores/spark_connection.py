"""Reach of Spark Connect, checked before a session waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.errors import StoreUnavailable
from flight_assets.platform.patches import spark_keepalive
from flight_assets.settings import hand_over

if TYPE_CHECKING:
    from flight_assets.settings import Settings


def refuse_unreachable(settings: Settings) -> None:
    """Return if the Connect address answers; raise StoreUnavailable after ``timeout_s``.

    Call it before a session is made. Otherwise the client retries a refused connection for minutes, and waits
    for a hanging server without end.
    """
    if settings.spark_token:
        # Sessions read the token from here. In their address it would be shown.
        hand_over("SPARK_CONNECT_AUTHENTICATE_TOKEN", settings.spark_token.get_secret_value())
    spark_keepalive.apply()
    ended_as = silence(settings, wait=True)
    if ended_as:
        raise _unavailable(settings, f"the call ended as {ended_as}")


def silence(settings: Settings, wait: bool) -> str | None:
    """Return how the Connect address failed to answer within ``timeout_s``, or None.

    ``wait``: retry a refused connection.
    """
    import grpc

    host = settings.spark_remote.removeprefix("sc://").split("/", 1)[0]
    with grpc.insecure_channel(host) as channel:
        try:
            # An unknown service is an answer too. grpc's "channel is ready" comes 0.2 s late, and this call
            # is frequent.
            channel.unary_unary("/grpc.health.v1.Health/Check")(
                b"", timeout=settings.timeout_s, wait_for_ready=wait
            )
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE):
                return str(error.code().name)
    return None


def _unavailable(settings: Settings, detail: str) -> StoreUnavailable:
    return StoreUnavailable(
        "Spark Connect", settings.spark_remote, f"see `flights status` and `flights logs spark` ({detail})"
    )
