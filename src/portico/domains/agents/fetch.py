"""Reading a card from where an agent keeps it: within 5 s, bounded, and only from addresses that Portico may call."""

import asyncio
from typing import NamedTuple

from portico.domains.agents.errors import CardNotFound
from portico.domains.agents.model import MOST_CARD_BYTES, Card, CardInvalid, card_addresses, read_card
from portico.kernel.errors import Refusal
from portico.platform.outbound import Answer, AnswerLate, EgressRefused, Outbound

TIMEOUT_S = 5.0


class Fetched(NamedTuple):
    """`text` None: the agent says that the card is still the one of this ETag."""

    url: str
    text: str | None
    card: Card | None
    etag: str | None


async def find_card(url: str, outbound: Outbound) -> Fetched:
    """Ask where cards may be, one place after the other.

    raises   CardNotFound, naming the first place and what it said · CardInvalid · EgressRefused
    """
    first: tuple[str, str] | None = None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            for address in card_addresses(url):
                try:
                    return await read_card_at(address, None, outbound)
                except CardNotFound as refusal:
                    first = first or (address, refusal.why)
    except TimeoutError:
        first = first or (url, f"nothing came within {TIMEOUT_S:g} s")
    tried, why = first or (url, "it names no place")
    raise CardNotFound(tried, why)


async def read_card_at(address: str, etag: str | None, outbound: Outbound) -> Fetched:
    """raises   CardNotFound · CardInvalid · EgressRefused"""
    headers = [("accept", "application/json"), ("a2a-version", "1.0"), ("user-agent", "Portico-Agents")]
    if etag is not None:
        headers.append(("if-none-match", etag))
    try:
        answer = await outbound.send("GET", address, timeout_s=TIMEOUT_S, max_bytes=MOST_CARD_BYTES, headers=headers)
    except EgressRefused:
        raise
    except AnswerLate as late:
        raise CardNotFound(address, f"nothing came within {TIMEOUT_S:g} s") from late
    except Refusal as refusal:
        raise CardNotFound(address, refusal.message.rstrip(".")) from refusal
    if answer.status == 304 and etag is not None:
        return Fetched(address, None, None, etag)
    return _read(address, answer)


def _read(address: str, answer: Answer) -> Fetched:
    if answer.status != 200:
        raise CardNotFound(address, f"it answered {answer.status}")
    try:
        card = read_card(answer.body)
    except CardInvalid as invalid:
        if invalid.fields[0].field == "card":
            # What is no JSON is no card either: a page for people, most likely.
            raise CardNotFound(address, "what is there is not JSON") from invalid
        raise
    given = answer.header("etag")
    return Fetched(address, answer.body.decode(), card, given[:200] if given else None)
