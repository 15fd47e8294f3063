"""Way out when the topic is another one than before: it was deleted and created again, truncated, or left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flight_assets.pipeline import early_predictions
from flight_assets.pipeline.write_hot import take_back_unconfirmed
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores import lease, mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.landing_plan import plan_path
from flight_assets.stores.mongo_documents import UNCONFIRMED
from flight_assets.stores.mongo_expiry import EARLY
from flight_assets.stores.warehouse import open_warehouse

if TYPE_CHECKING:
    from flight_assets.provenance import TopicStart
    from flight_assets.settings import Settings

LEASE_WAIT_S = 120.0
BEYOND_EVERY_OFFSET = 1 << 62


def start_new_topic(settings: Settings, reason: str) -> TopicStart:
    """Read the topic of the settings from its beginning with the next batch. Returns where it begins.

    Batches that have landed stay as they are. What the other topic had beyond them is gone.

    Raises:
        LeaseBusy: a run is still processing after LEASE_WAIT_S.
    """
    with lease.hold(settings, "flights ledger new-topic", LEASE_WAIT_S):
        hdfs = Hdfs(settings)
        ledger = Ledger(hdfs)
        # The plan names offsets of the other topic. Without it, a repeat plans anew.
        hdfs.delete(plan_path(ledger.last_done(STEPS[0]) + 1))
        _forget_live(settings)
        return ledger.start_topic(reason, datetime.now(UTC))


def _forget_live(settings: Settings) -> None:
    """Take back what live processing has shown of the other topic and no batch will ever stage.

    Its offsets would be compared with those of the new topic.
    """
    with mongo.database(settings) as db:
        shown = db[mongo.FLIGHTS].distinct("kafka_partition", {"batch_id": UNCONFIRMED})
        partitions = {*shown, *db[EARLY].distinct("kafka_partition")}
        beyond = {str(number): BEYOND_EVERY_OFFSET for number in partitions}
        early_predictions.forget_before(db, beyond)
    take_back_unconfirmed(settings, beyond, lambda: open_warehouse(settings), has_archives=True)
