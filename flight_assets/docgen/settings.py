"""Pages of the settings and of the ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import SecretStr

from flight_assets.docgen.markdown import page, table
from flight_assets.settings import BASE_PORTS, Settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


# Settings are grouped by the first word of their name.
GROUPS = {
    "Kafka": ("kafka",),
    "HDFS, metastore and warehouse": ("hdfs", "metastore", "warehouse", "raw", "postgres"),
    "Spark": ("spark", "hiveserver2", "java"),
    "MongoDB": ("mongo",),
    "Redis": ("redis",),
    "Dagster and Airflow": ("dagster", "airflow"),
    "Delay model": ("pickled", "training", "retraining"),
    "Archive": ("archive",),
    "Complex events": ("events",),
    "Alerts": ("alert", "smtp"),
    "Monitoring, logs and dashboard": ("monitoring", "metrics", "dashboard", "log"),
    "REST API": ("api",),
}
OTHERS = "Platform and batches"


def settings_page() -> str:
    """Return the page of the settings, with the defaults of the embedded platform."""
    fields = Settings.model_fields
    group_of = {
        name: next((g for g, words in GROUPS.items() if name.split("_")[0] in words), OTHERS)
        for name in fields
    }
    # Without the environment: what a setting is when nothing is set.
    shown = Settings.model_construct()
    parts = []
    for group in (OTHERS, *GROUPS):
        rows = [_setting(name, field, shown) for name, field in fields.items() if group_of[name] == group]
        parts += [f"## {group}", table(("variable", "default", "allowed", "meaning"), rows)]
    return page(
        "Settings",
        "`flight_assets/settings/`",
        "A setting comes from an environment variable, from `.env` in the checkout, "
        "or from a file of its name in `/run/secrets`. "
        "The names end in their unit: `_s` seconds, `_mb` megabytes, `_days`, `_hours`.",
        *parts,
    )


def ports_page() -> str:
    """Return the page of the ports."""
    return page(
        "Ports",
        "`flight_assets/settings/`",
        "The embedded servers listen on 127.0.0.1. `FLIGHTS_PORT_OFFSET` is added to each port.",
        table(("endpoint", "port"), BASE_PORTS.items()),
    )


def _setting(name: str, field: FieldInfo, shown: Settings) -> tuple[str, str, str, str]:
    return f"`FLIGHTS_{name.upper()}`", _default(name, field, shown), _allowed(field), field.description or ""


def _default(name: str, field: FieldInfo, shown: Settings) -> str:
    if field.default_factory is not None:
        return "see meaning"
    value = getattr(shown, name)
    text = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    return "" if text in ("", None) else f"`{str(text).lower() if isinstance(text, bool) else text}`"


def _allowed(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if kind is SecretStr:
        return "secret"
    if kind is bool:
        return "yes or no"
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = [(sign, getattr(rule, bound, None)) for rule in field.metadata for bound, sign in signs.items()]
    return ", ".join(f"{sign} {value:,}" for sign, value in bounds if value is not None)
