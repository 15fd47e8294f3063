"""Answers of queries, kept in Redis as Arrow frames. Key: query, parameters and data version.

Answers that pages still ask for are computed again before they expire. While Redis is down, every question
is a miss, so pages get slower, never wrong. dogpile.cache is not used here. When its backend is down, each
waiting caller computes.
"""

from flight_assets.queries.cache.encoding import TOKEN_BYTES, decode, encode
from flight_assets.queries.cache.query import OF_A_BATCH, OF_NOW, PREFIX, Answer, Life, Query
from flight_assets.queries.cache.redis_answers import COUNTERS
from flight_assets.queries.cache.result_cache import ResultCache, open_cache
from flight_assets.queries.cache.version import DataVersion

__all__ = [
    "COUNTERS",
    "OF_A_BATCH",
    "OF_NOW",
    "PREFIX",
    "TOKEN_BYTES",
    "Answer",
    "DataVersion",
    "Life",
    "Query",
    "ResultCache",
    "decode",
    "encode",
    "open_cache",
]
