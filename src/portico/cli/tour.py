"""Real calls through the gateway, each then read back from the record: the report shows what was recorded, not what was hoped."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portico.cli import demo
from portico.cli.calling import sse_data
from portico.cli.client import Client
from portico.cli.failures import ApiRefused, CommandFailed
from portico.cli.output import Column, dig, duration, put, put_table, say
from portico.cli.profiles import Profile
from portico.cli.record import verdict
from portico.kernel.money import dollars

if TYPE_CHECKING:
    import httpx2

RECORD_WAIT_S = 15.0
_TEXT = (
    "A gateway stands between programs and the services they call. It knows who calls, and it knows what they may spend. "
    "Because every call passes the gateway, one record holds all of them. When a budget is empty, the gateway refuses the "
    "next call before it leaves the house. The services behind it need to know nothing about keys, limits or budgets."
)


@dataclass(frozen=True)
class Sent:
    """A call as its client saw it. `trouble` says what was wrong with the answer, if anything was."""

    call_id: str
    status: int
    trouble: str = ""


@dataclass(frozen=True)
class Stop:
    """One stop of the tour: who sends what, and how it must end."""

    title: str
    by: str
    send: Callable[[Client], Sent]
    verdict: str = "allowed"
    status: int = 200
    reason: str | None = None


@dataclass(frozen=True)
class Outcome:
    """A stop with the record of its call; `troubles` is empty when all is as it should be."""

    stop: Stop
    record: dict[str, Any]
    troubles: tuple[str, ...]


def stops() -> list[Stop]:
    return [
        Stop("HTTP GET", demo.CLIENT_KEY, _get_stock),
        Stop("HTTP POST", demo.CLIENT_KEY, _reserve_stock),
        Stop("chat", demo.CLIENT_KEY, _chat),
        Stop("chat, streamed", demo.CLIENT_KEY, _streamed_chat),
        Stop("embeddings", demo.CLIENT_KEY, _embeddings),
        Stop("too many calls", demo.BURST_KEY, _burst, "refused", 429, "RATE_LIMITED"),
        Stop("budget too small", demo.FRUGAL_KEY, _chat_without_money, "refused", 429, "BUDGET_EXHAUSTED"),
    ]


def wait_until_known(client: Client, wait_s: float = 15.0) -> None:
    """A call to the newest endpoint; when it comes back, the gateways have everything that was set up before it."""
    deadline = time.monotonic() + wait_s
    while True:
        response = client.send("GET", "/svc/inventory/health")
        if response.status_code == 200:
            return
        if time.monotonic() > deadline:
            raise CommandFailed(
                f"The gateway still answers {response.status_code} for the new service: {response.text[:300]}",
                next_step="portico status and portico logs --level warning say more",
            )
        time.sleep(0.1)


def take(url: str, kept: demo.Kept, api: Client) -> list[Outcome]:
    """Send every call, then read each one back."""
    with (
        Client(Profile(url=url, key=kept.client)) as client,
        Client(Profile(url=url, key=kept.burst)) as burst,
        Client(Profile(url=url, key=kept.frugal)) as frugal,
    ):
        by = {demo.CLIENT_KEY: client, demo.BURST_KEY: burst, demo.FRUGAL_KEY: frugal}
        wait_until_known(client)
        sent = [(stop, stop.send(by[stop.by])) for stop in stops()]
    return [judge(stop, each, read_back(api, each.call_id)) for stop, each in sent]


def read_back(api: Client, call_id: str) -> dict[str, Any]:
    """The record of a call; it is there a moment after the call ended."""
    deadline = time.monotonic() + RECORD_WAIT_S
    while True:
        try:
            return api.get(f"/calls/{call_id}")
        except ApiRefused as refused:
            if refused.status != 404 or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def judge(stop: Stop, sent: Sent, record: dict[str, Any]) -> Outcome:
    """What the client saw and what was recorded must both be what should happen."""
    expected = {
        "verdict": stop.verdict,
        "status": stop.status,
        "reason.name": stop.reason,
        "principal.name": stop.by,
    }
    troubles = [
        f"recorded {name} {dig(record, name)!r}, not {value!r}"
        for name, value in expected.items()
        if dig(record, name) != value
    ]
    if sent.status != stop.status:
        troubles.append(f"the client saw {sent.status}, not {stop.status}")
    if sent.trouble:
        troubles.append(sent.trouble)
    return Outcome(stop, record, tuple(troubles))


# --- the calls ----------------------------------------------------------------------------------------------------------


def _sent(response: "httpx2.Response", trouble: str = "") -> Sent:
    call_id = response.headers.get("x-portico-call")
    if not call_id:
        raise CommandFailed(
            f"{response.request.method} {response.request.url.path} was answered {response.status_code} without a call id: "
            f"{response.text[:300]}"
        )
    return Sent(call_id, response.status_code, trouble if response.status_code == 200 else "")


def _body(response: "httpx2.Response") -> dict[str, Any]:
    try:
        body = response.json()
    except json.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _get_stock(client: Client) -> Sent:
    response = client.send("GET", "/svc/inventory/stock/HELMET-YEL")
    return _sent(response, "" if _body(response).get("sku") == "HELMET-YEL" else "the answer is not the item asked for")


def _reserve_stock(client: Client) -> Sent:
    response = client.send("POST", "/svc/inventory/stock/BOLT-M8-40/reserve", json={"quantity": 1})
    return _sent(response, "" if _body(response).get("reserved") == 1 else "the answer is not a reservation")


def _ask(**more: Any) -> dict[str, Any]:
    return {"model": demo.CHAT_MODEL, "messages": [{"role": "user", "content": _TEXT}], **more}


def _chat(client: Client) -> Sent:
    response = client.send("POST", "/v1/chat/completions", json=_ask(max_tokens=120))
    choices = _body(response).get("choices") or [{}]
    return _sent(response, "" if dig(choices[0], "message.content") else "the model's answer is empty")


def _streamed_chat(client: Client) -> Sent:
    ask = _ask(max_tokens=120, stream=True)
    with client.stream("POST", "/v1/chat/completions", json=ask) as response:
        if response.status_code != 200:
            response.read()
            return _sent(response)
        events = list(sse_data(response.iter_lines()))
    pieces = [dig(choice, "delta.content") for event in events for choice in event.get("choices", [])]
    return _sent(response, "" if len([piece for piece in pieces if piece]) > 1 else "the answer did not come in pieces")


def _embeddings(client: Client) -> Sent:
    response = client.send("POST", "/v1/embeddings", json={"model": demo.EMBEDDING_MODEL, "input": _TEXT})
    vectors = _body(response).get("data") or [{}]
    return _sent(response, "" if vectors[0].get("embedding") else "there is no vector in the answer")


def _burst(client: Client) -> Sent:
    """Two calls a minute are allowed; the third is one too many, or an earlier one right after another run."""
    for _ in range(3):
        response = client.send("GET", "/svc/inventory/stock/TAPE-50")
        if response.status_code != 200:
            break
    return _sent(response)


def _chat_without_money(client: Client) -> Sent:
    return _sent(client.send("POST", "/v1/chat/completions", json=_ask()))


# --- the report ---------------------------------------------------------------------------------------------------------

REPORT_COLUMNS = (
    Column("WHAT", "title"),
    Column("CALLED", lambda row: f"{row['service']['name']} · {row['model'] or row['method'] + ' ' + row['path']}"),
    Column("BY", "principal.name"),
    Column("VERDICT", verdict),
    Column(
        "TOKENS", lambda row: f"{row['tokens_in']} in, {row['tokens_out']} out" if row["model"] else "-", right=True
    ),
    Column("COST", lambda row: dollars(row["cost_microusd"]), right=True),
    Column("ADDED", lambda row: duration(row["added_us"]), right=True),
    Column("", lambda row: "as it should" if row["good"] else "NOT AS IT SHOULD"),
)


def report(outcomes: list[Outcome], api: Client, url: str) -> bool:
    """Print what was recorded; true when every call went as it should."""
    rows = [{**each.record, "title": each.stop.title, "good": not each.troubles} for each in outcomes]
    put("")
    put_table(rows, REPORT_COLUMNS)
    put("")
    for budget in api.page("/budgets", {"page_size": 100}).items:
        if budget["name"] in {demo.CLIENT_BUDGET, demo.FRUGAL_BUDGET}:
            left, limit = dollars(budget["left"]), dollars(budget["limit"])
            put(f"Budget left: {left} of {limit} ({budget['name']})")
    put(f"Every call with its stages: {url}/calls")
    for each in outcomes:
        for trouble in each.troubles:
            say(f"{each.stop.title}: {trouble} (call {each.record['id']})")
    return not any(each.troubles for each in outcomes)
