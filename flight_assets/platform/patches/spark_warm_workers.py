"""Daemon that forks Spark's Python workers (`spark.python.daemon.module`) after its imports.

Library: pyspark 4.2.0
Symptom: Spark ends idle workers after a minute, and a new one imports everything again.
Gain: the first batch after a start takes 39 s, not 50 s, when it was made.
Guard: flight_assets_tests/integration/test_warehouse_sessions.py
    ::test_python_workers_are_forked_from_a_process_that_has_what_they_need
Remove: when the minute is a setting, or workers start with their imports done.
"""

import gc
from importlib import import_module

from pyspark.daemon import manager

from flight_assets.delay_model.features.clocks import airport_zones

# Imports of functions in workers: those of the pipeline's steps and of the archive.
PRELOADED = (
    "flight_assets.archive.restore",
    "flight_assets.archive.tasks",
    "flight_assets.delay_model.features.build",
    "flight_assets.delay_model.serving.predict",
    "flight_assets.pipeline.inference",
    "flight_assets.stores.models",
    "flight_assets.pipeline.write_hot",
    "flight_assets.transforms.check",
    "hdfs_native",
    "pandas",
    "pyarrow.parquet",
    "pymongo",
    "pyspark.worker",
    "xgboost",
)


if __name__ == "__main__":
    for name in PRELOADED:
        import_module(name)
    # Read once here, not by each worker.
    airport_zones()
    # A worker looks for garbage after each task: not in all of this, whose pages it would make its own.
    gc.collect()
    gc.freeze()
    manager()
