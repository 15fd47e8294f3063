"""DAGs of the configured Airflow, from its REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.errors import StoreUnavailable

if TYPE_CHECKING:
    from flight_assets.settings import Settings

REFUSED = (401, 403)


def airflow_dags(settings: Settings) -> pd.DataFrame:
    """One row per DAG of the configured Airflow: dag_id, is_paused, last_run_state, last_run_at.

    Empty when none is configured.
    With ``airflow_user`` it signs in anew for every look, so that no token is kept until it expires.

    Raises:
        StoreUnavailable: Airflow does not answer, or does not take the password or the token.
    """
    columns = ["dag_id", "is_paused", "last_run_state", "last_run_at"]
    if not settings.airflow_url:
        return pd.DataFrame(columns=columns)
    token = airflow_token(settings)
    rows = []
    for dag in _ask_airflow(settings, "GET", "/api/v2/dags?limit=100", token)["dags"]:
        path = f"/api/v2/dags/{dag['dag_id']}/dagRuns?limit=1&order_by=-run_after"
        newest: dict[str, Any] = next(iter(_ask_airflow(settings, "GET", path, token)["dag_runs"]), {})
        rows.append((dag["dag_id"], dag["is_paused"], newest.get("state"), newest.get("run_after")))
    return pd.DataFrame(rows, columns=columns)


def airflow_token(settings: Settings) -> str:
    """Return a bearer token: a new one for ``airflow_user``, or the settings' one, which may be empty.

    Raises StoreUnavailable.
    """
    if not settings.airflow_user:
        return settings.airflow_token.get_secret_value()
    sign_in = {"username": settings.airflow_user, "password": settings.airflow_password.get_secret_value()}
    return str(_ask_airflow(settings, "POST", "/auth/token", json=sign_in)["access_token"])


def _ask_airflow(
    settings: Settings, method: str, path: str, token: str = "", json: dict[str, str] | None = None
) -> Any:  # noqa: ANN401
    import requests

    base, headers = settings.airflow_url.rstrip("/"), {"Authorization": f"Bearer {token}"} if token else {}
    try:
        reply = requests.request(
            method, base + path, timeout=settings.monitoring_timeout_s, headers=headers, json=json
        )
        if reply.status_code in REFUSED:
            remedy = (
                f"it refused who asks (HTTP {reply.status_code}): set FLIGHTS_AIRFLOW_USER and"
                " FLIGHTS_AIRFLOW_PASSWORD, or a new token"
            )
            raise StoreUnavailable("Airflow", base, remedy)
        reply.raise_for_status()
        return reply.json()
    except requests.RequestException as error:
        raise StoreUnavailable(
            "Airflow", base, f"check FLIGHTS_AIRFLOW_URL and its api-server ({type(error).__name__})"
        ) from error
