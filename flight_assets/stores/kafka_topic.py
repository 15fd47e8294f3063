"""Settings of a topic that is safe to land from, and warnings about unsafe ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MILLISECONDS_PER_DAY = 24 * 60 * 60 * 1000
# Largest record batch on the wire: Kafka's default.
BATCH_BYTES = 1_048_588


def topic_settings(retention_days: int) -> dict[str, str]:
    """Return the settings of a new topic, independent of the broker's defaults.

    - The broker stamps messages. Otherwise retention would delete replayed ones at once.
    - Messages are deleted by age only.
    - The producer's codec is kept.
    - A record batch has up to ``BATCH_BYTES`` on the wire.
    """
    return {
        "message.timestamp.type": "LogAppendTime",
        "cleanup.policy": "delete",
        "retention.ms": str(retention_days * MILLISECONDS_PER_DAY),
        "retention.bytes": "-1",
        "max.message.bytes": str(BATCH_BYTES),
        "compression.type": "producer",
    }


def unsafe_settings(topic: str, found: Mapping[str, str], retention_days: int) -> list[str]:
    """Return one sentence per unsafe setting of a topic, with the safe value."""
    safe = topic_settings(retention_days)

    def limit(name: str) -> int:
        return int(found.get(name, safe[name]))

    days = limit("retention.ms") / MILLISECONDS_PER_DAY
    dangers = {
        "message.timestamp.type": (
            "producers stamp the messages: a wrong clock moves them to other days, or has retention delete"
            " them early"
            if found.get("message.timestamp.type") == "CreateTime"
            else ""
        ),
        "cleanup.policy": (
            "compaction deletes messages before they land"
            if "compact" in found.get("cleanup.policy", "")
            else ""
        ),
        "retention.ms": f"it keeps messages for {days:g} days only" if 0 <= days < retention_days else "",
        "retention.bytes": (
            "a burst deletes messages before their days are over" if limit("retention.bytes") >= 0 else ""
        ),
        "max.message.bytes": (
            f"one record batch may take {limit('max.message.bytes')} bytes of memory"
            if limit("max.message.bytes") > BATCH_BYTES
            else ""
        ),
    }
    return [f"topic {topic}: {danger}; set {name}={safe[name]}" for name, danger in dangers.items() if danger]
