"""Size and use of HDFS, MongoDB and Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flight_assets.errors import StoreUnavailable
from flight_assets.queries.cache import COUNTERS
from flight_assets.queries.operations.common import archive_threshold_bytes, get_json, patient
from flight_assets.stores import mongo, redis

if TYPE_CHECKING:
    from flight_assets.settings import Settings

MONGO_QUERY_MS = 4_000


def hdfs_capacity(settings: Settings) -> dict[str, float]:
    """Return capacity, used and remaining bytes, used_ratio, files, DataNodes and bad blocks of HDFS.

    The source is the JMX of the NameNode.
    """
    url = f"{settings.hdfs_http_url}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystem*"
    beans: dict[str, Any] = {}
    for bean in get_json(settings, url, "HDFS NameNode")["beans"]:
        beans |= bean
    total, used = float(beans["CapacityTotal"]), float(beans["CapacityUsed"])
    return {
        "capacity_bytes": total,
        "used_bytes": used,
        "remaining_bytes": float(beans["CapacityRemaining"]),
        "used_ratio": 1 - float(beans["CapacityRemaining"]) / total if total else 0.0,
        "files": float(beans["FilesTotal"]),
        "live_datanodes": float(beans["NumLiveDataNodes"]),
        "dead_datanodes": float(beans["NumDeadDataNodes"]),
        "under_replicated_blocks": float(beans["UnderReplicatedBlocks"]),
        "missing_blocks": float(beans.get("MissingBlocks", 0)),
    }


def mongodb_size(settings: Settings) -> dict[str, float]:
    """Return MongoDB's data, index and storage bytes, documents, archive threshold and its used share."""
    threshold = archive_threshold_bytes(settings)
    with mongo.database(patient(settings)) as db:
        stats = db.command("dbStats", maxTimeMS=MONGO_QUERY_MS)
        documents = db[mongo.FLIGHTS].estimated_document_count(maxTimeMS=MONGO_QUERY_MS)
    used = float(stats["dataSize"] + stats["indexSize"])
    return {
        "data_bytes": float(stats["dataSize"]),
        "index_bytes": float(stats["indexSize"]),
        "storage_bytes": float(stats["storageSize"]),
        "documents": float(documents),
        "threshold_bytes": float(threshold),
        "threshold_used_ratio": used / threshold,
    }


def redis_info(settings: Settings) -> dict[str, float]:
    """Return the use of Redis: hits, misses, errors, hit_ratio, memory in bytes, keys, clients, evictions.

    hit_ratio is the share of cached answers since Redis was created, NaN before the first question.
    """
    import redis as library

    client = redis.connect(patient(settings))
    try:
        info: dict[str, Any] = dict(client.info())
        asked: Any = client.hgetall(COUNTERS)
    except library.RedisError as error:
        raise StoreUnavailable(
            "Redis", settings.redis_url.rsplit("@", 1)[-1], f"see `flights status` ({error})"
        ) from error
    finally:
        client.close()
    hits, misses, errors = (float(asked.get(name, 0)) for name in ("hits", "misses", "errors"))
    return {
        "hits": hits,
        "misses": misses,
        "errors": errors,
        "hit_ratio": hits / (hits + misses) if hits + misses else float("nan"),
        "memory_bytes": float(info["used_memory"]),
        "memory_limit_bytes": float(info["maxmemory"]),
        "keys": float(
            sum(
                value["keys"]
                for name, value in info.items()
                if name.startswith("db") and isinstance(value, dict)
            )
        ),
        "evicted": float(info["evicted_keys"]),
        "clients": float(info["connected_clients"]),
    }
