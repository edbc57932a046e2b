"""How Redis is reached: impatiently, for whoever asks has another way to the truth.

The client costs a tenth of a second to import, so only what is configured to use Redis imports this module.
"""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

CONNECT_S = 1.0
ANSWER_S = 0.5
MOST_CONNECTIONS = 16
# What a command can end with when Redis is away, overloaded or refuses.
FAILURES = (RedisError, OSError, TimeoutError)


def open_redis(url: str, answer_s: float | None = ANSWER_S) -> Redis:
    """A client that tries once; when to try again is decided by its user.

    answer_s   longest wait for an answer; None for a subscriber, who waits for messages
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=ANSWER_S,
        protocol=2,
        socket_connect_timeout=CONNECT_S,
        socket_timeout=answer_s,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        client_name="portico",
    )
    return Redis.from_pool(pool)
