"""A replay of any length, request by request."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from portico.cli.client import Client
from portico.cli.failures import CommandFailed
from portico.cli.output import Item, say

# So long nothing may become of it; consumers that fail keep what waits for them for as long as half an hour.
WAIT_S, MOST_WAITS = 1.0, 2400


def replay_all(api: Client, ask: Mapping[str, Any], due: int) -> Item:
    """Every request that it takes, each one told of; what all of them came to."""
    told: dict[str, Any] = {}
    done, hits = 0, Counter[str]()
    for told in _answers(api, dict(ask)):
        done += told["events"] if told["dry_run"] else told["replayed"]
        hits.update({hit["consumer"]: hit["events"] for hit in told["hits"]})
        if told["next_after"] is not None:
            _tell(told, done, due)
    counted = [{"consumer": name, "events": number} for name, number in hits.items()]
    return told | ({"events": done, "hits": counted} if told["dry_run"] else {"replayed": done})


def _answers(api: Client, ask: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waits = 0
    while True:
        told = api.post("/event-replays", ask)
        yield told
        if told["next_after"] is None:
            return
        waits = waits + 1 if told["next_after"] == ask.get("after", 0) else 0
        if waits > MOST_WAITS:
            raise CommandFailed(
                f"Nothing has become of the replay for {WAIT_S * MOST_WAITS / 60:g} minutes.",
                next_step=f"look at `portico events consumers`, then go on with --after {told['next_after']}",
            )
        if waits:
            time.sleep(WAIT_S)
        ask = ask | {"after": told["next_after"], "through": told["through"]}


def _tell(told: Item, done: int, due: int) -> None:
    if told["dry_run"]:
        say(f"{done:,} events counted so far.")
    elif told["replayed"]:
        say(f"{done:,} of {due:,} events are on their way; --after {told['next_after']} would go on from here.")
