"""Batches as OpenLineage events: one per step, with columns, their sources and rows written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from flight_assets.contracts.lineage import COLUMN_SOURCES, COLUMNS
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT, FACT, PREDICTIONS, STAGING
from flight_assets.provenance import STEPS, BatchRecord
from flight_assets.stores.mongo import FLIGHTS

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

    from flight_assets.settings import Settings

JOBS = "flight-tracking"
PRODUCER = "urn:flight-tracking-platform"
# The count in a batch's record that says how many rows a step wrote.
ROWS_OF = dict(zip(STEPS, ("record_count", "staged", "predicted", "upserted", "merged"), strict=True))


def run_events(settings: Settings, record: BatchRecord) -> list[RunEvent]:
    """One COMPLETE event per step that the batch has been through, in order.

    A batch without messages has none. A record keeps how long a step took, not when it ran.
    So ``eventTime`` is the ingestion time of the batch's newest message.
    Run ids follow from batch and step, so sending an event again changes nothing.
    """
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
    from openlineage.client.generated.output_statistics_output_dataset import (
        OutputStatisticsOutputDatasetFacet,
    )
    from openlineage.client.generated.processing_engine_run import ProcessingEngineRunFacet

    if record.timestamp is None:
        return []
    places = _places(settings, record)
    engine = ProcessingEngineRunFacet(
        version=record.versions.get("pyspark", "unknown"), name="Spark", producer=PRODUCER
    )
    events = []
    for step in (step for step in STEPS if step in record.seconds):
        rows = OutputStatisticsOutputDatasetFacet(rowCount=getattr(record, ROWS_OF[step]), producer=PRODUCER)
        inputs = sorted(
            {asset for sources in COLUMN_SOURCES[step].values() for asset, _ in sources if asset != step}
        )
        events.append(
            RunEvent(
                eventTime=record.timestamp.isoformat(),
                eventType=RunState.COMPLETE,
                run=Run(
                    runId=str(uuid5(NAMESPACE_URL, f"{places[step]}/{record.archive_id}")),
                    facets={"processing_engine": engine},
                ),
                job=Job(namespace=JOBS, name=step),
                inputs=[InputDataset(*places[asset]) for asset in inputs],
                outputs=[
                    OutputDataset(
                        *places[step],
                        facets=_facets(step, record, places),
                        outputFacets={"outputStatistics": rows},
                    )
                ],
                producer=PRODUCER,
            )
        )
    return events


def _facets(step: str, record: BatchRecord, places: dict[str, tuple[str, str]]) -> dict[str, Any]:
    from openlineage.client.generated.column_lineage_dataset import (
        ColumnLineageDatasetFacet,
        Fields,
        InputField,
    )
    from openlineage.client.generated.schema_dataset import SchemaDatasetFacet, SchemaDatasetFacetFields

    columns: list[tuple[str, str, str | None]] = [
        (column.name, column.type, None) for column in record.schema_
    ]
    if step in COLUMNS:
        columns = [(column.name, column.type, column.description) for column in COLUMNS[step].columns]
    fields = {
        name: Fields(inputFields=[InputField(*places[asset], field=column) for asset, column in sources])
        for name, sources in COLUMN_SOURCES[step].items()
    }
    return {
        "schema": SchemaDatasetFacet(
            fields=[
                SchemaDatasetFacetFields(name=name, type=kind, description=text)
                for name, kind, text in columns
            ],
            producer=PRODUCER,
        ),
        "columnLineage": ColumnLineageDatasetFacet(fields=fields, producer=PRODUCER),
    }


def _places(settings: Settings, record: BatchRecord) -> dict[str, tuple[str, str]]:
    """Namespace and name of each asset's data, by OpenLineage's naming conventions."""
    tables = {
        "staged_events": STAGING,
        "predictions": PREDICTIONS,
        "hive_fact": FACT,
        "dim_airline": DIM_AIRLINE,
        "dim_airport": DIM_AIRPORT,
    }
    hive = f"hive://{settings.metastore_uri.removeprefix('thrift://')}"
    # Credentials and options of the address are no part of a name.
    mongo = settings.mongo_uri.rsplit("@", 1)[-1].removeprefix("mongodb://").split("/", 1)[0]
    return {
        "kafka_flight_events": (
            f"kafka://{settings.kafka_bootstrap_servers.split(',')[0]}",
            settings.kafka_topic,
        ),
        "raw_kafka_batch": (settings.hdfs_url, record.storage_location.removeprefix(settings.hdfs_url)),
        "mongo_hot": (f"mongodb://{mongo}", f"{settings.mongo_database}.{FLIGHTS}"),
    } | {asset: (hive, f"{settings.warehouse_database}.{table.name}") for asset, table in tables.items()}
