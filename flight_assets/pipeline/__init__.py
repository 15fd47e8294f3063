"""Steps of a batch, each written once and free of Dagster: land, stage, predict, write_hot, write_fact.

Batches, backfills, replays and the live process call them; assets are thin callers. Belongs here: what a step
does and the order in which it commits. Does not: clients of stores (``stores/``), pure rules
(``transforms/``), how Dagster shows a step (``assets/``).
"""
