"""Course of services and disks over the last day, kept in MongoDB for page 6.

One document per five minutes in ``service_course``, deleted after two days. A document keeps the worst of its
minutes: the least ``up``, the greatest memory and the fullest disk. So a short outage stays visible.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.queries.operations import patient
from flight_assets.stores import mongo
from flight_assets.stores.mongo_expiry import COURSE, EXPIRING

if TYPE_CHECKING:
    from flight_assets.monitoring.alerts import Samples
    from flight_assets.settings import Settings

STEP = timedelta(minutes=5)
SHOWN = timedelta(days=1)
# Field of the document, the metric it comes from, the label that names its parts, and the operator that
# keeps the worst.
KEPT = (
    ("up", "flights_service_up", "service", "$min"),
    ("memory_bytes", "flights_service_memory_bytes", "service", "$max"),
    ("disk_used_ratio", "flights_disk_used_ratio", "disk", "$max"),
)
COURSE_COLUMNS = ("at", "kind", "name", "value")


def update(samples: Samples) -> dict[str, Any]:
    """Return the update of the current document; empty if the samples have nothing to keep."""
    found: dict[str, dict[str, float]] = {}
    for field, metric, label, operator in KEPT:
        for labels, value in samples.get(metric, []):
            found.setdefault(operator, {})[f"{field}.{labels[label].replace('.', '_')}"] = value
    return found


def keep(settings: Settings, samples: Samples, now: datetime) -> None:
    """Add one round of samples to the document of its five minutes.

    Raises:
        StoreUnavailable: MongoDB does not answer.
    """
    changes = update(samples)
    if not changes:
        return
    bucket = datetime.fromtimestamp(now.timestamp() // STEP.total_seconds() * STEP.total_seconds(), UTC)
    with mongo.database(patient(settings)) as db:
        db[COURSE].update_one({EXPIRING[COURSE].field: bucket}, changes, upsert=True)


def course(settings: Settings, now: datetime | None = None) -> pd.DataFrame:
    """One row per five minutes, kind and name of the last day: ``COURSE_COLUMNS``, oldest first.

    ``kind`` is ``up`` (0 or 1), ``memory_bytes`` or ``disk_used_ratio``.

    Raises:
        StoreUnavailable: MongoDB does not answer.
    """
    since = (now or datetime.now(UTC)) - SHOWN
    with mongo.database(patient(settings)) as db:
        documents = list(db[COURSE].find({"at": {"$gte": since}}, {"_id": False}).sort("at", 1))
    return rows(documents)


def rows(documents: list[dict[str, Any]]) -> pd.DataFrame:
    """Return documents as the frame of ``course``."""
    found = [
        (document["at"], field, name, float(value))
        for document in documents
        for field, *_ in KEPT
        for name, value in sorted(document.get(field, {}).items())
    ]
    return pd.DataFrame(found, columns=list(COURSE_COLUMNS))
