"""A mergeable histogram of durations with a bounded relative error.

Bucket n holds values in (GROWTH^(n-1), GROWTH^n]; a bucket answers with its geometric middle, so a percentile is at most
sqrt(GROWTH) - 1 = 4.9 % away from the exact one.
"""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

import msgspec

GROWTH = 1.1
_LOG_GROWTH = math.log(GROWTH)
Buckets: TypeAlias = dict[int, int]
_decoder = msgspec.msgpack.Decoder(Buckets)
_encoder = msgspec.msgpack.Encoder()


@lru_cache(maxsize=65_536)
def bucket_of(value: int) -> int:
    """0 holds 0 and 1; the guard against a hair of floating point keeps exact powers in their own bucket."""
    return 0 if value <= 1 else math.ceil(math.log(value) / _LOG_GROWTH - 1e-9)


def value_of(bucket: int) -> int:
    return 1 if bucket == 0 else round(GROWTH ** (bucket - 0.5))


def merge(into: Buckets, other: Buckets) -> None:
    for bucket, count in other.items():
        into[bucket] = into.get(bucket, 0) + count


def pack(buckets: Buckets) -> bytes:
    return _encoder.encode(buckets)


def unpack(packed: bytes) -> Buckets:
    return _decoder.decode(packed) if packed else {}


def percentile(buckets: Buckets, share: float) -> int | None:
    """Nearest rank: the smallest value that at least `share` of all values do not exceed."""
    rank = math.ceil(sum(buckets.values()) * share)
    for bucket in sorted(buckets):
        rank -= buckets[bucket]
        if rank <= 0:
            return value_of(bucket)
    return None


def exact_percentile(values: Iterable[int], share: float) -> int | None:
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * share) - 1, 0)] if ordered else None
