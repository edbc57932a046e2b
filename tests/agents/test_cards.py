"""What a card must hold, where it may lead, and what clients are shown of it."""

import json
from typing import Any

import pytest

from portico.domains.agents.model import (
    CardInvalid,
    can,
    card_addresses,
    home_of,
    interfaces_at,
    offered_card,
    own_hosts,
    read_card,
    words_of,
)

NEWER: dict[str, Any] = {
    "name": "Weather",
    "description": "Tells the weather",
    "version": "2.1.0",
    "supportedInterfaces": [
        {"url": "https://agent.example/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
        {"url": "https://agent.example/old", "protocolBinding": "HTTP+JSON", "protocolVersion": "0.3"},
        {"url": "https://agent.example/grpc", "protocolBinding": "GRPC", "protocolVersion": "1.0"},
    ],
    "capabilities": {"streaming": True, "pushNotifications": True, "extendedAgentCard": True},
    "provider": {"organization": "Example", "url": "https://agent.example/about"},
    "documentationUrl": "https://docs.example/weather",
    "securitySchemes": {"own": {"apiKeySecurityScheme": {"location": "header", "name": "X-Own"}}},
    "securityRequirements": [{"schemes": {"own": {"list": []}}}],
    "signatures": [{"protected": "e30", "signature": "abc"}],
    "skills": [{"id": "forecast", "name": "Forecast", "description": "Tomorrow", "tags": ["Weather", "a b"]}],
}
OLDER: dict[str, Any] = {
    "name": "Old",
    "description": "An agent of before",
    "version": "1",
    "url": "http://10.0.0.5:9302/",
    "protocolVersion": "0.3.0",
    "capabilities": {"streaming": True},
    "skills": [{"id": "e", "name": "E", "description": "e", "tags": ["t"]}],
}


def card(raw: dict[str, Any], **changes: Any) -> Any:
    return read_card(json.dumps({**raw, **changes}).encode())


@pytest.mark.req("HY3")
def test_a_card_of_either_version_is_read() -> None:
    newer, older = card(NEWER), card(OLDER)
    assert [(each.binding, each.version) for each in newer.interfaces] == [("JSONRPC", "1.0"), ("HTTP+JSON", "0.3")]
    assert newer.notes == (
        "Interface 3 of the card is not used: its binding is 'GRPC', and JSONRPC and HTTP+JSON are spoken.",
    )
    assert (newer.streaming, newer.push, newer.extended) == (True, True, True)
    assert [(each.binding, each.version, each.url) for each in older.interfaces] == [
        ("JSONRPC", "0.3", "http://10.0.0.5:9302/")
    ]
    assert not older.push


@pytest.mark.req("HY3")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "card.name"),
        ({"version": None}, "card.version"),
        ({"skills": "many"}, "card.skills"),
        ({"skills": [{"name": "nameless"}]}, "card.skills.0.id"),
        ({"supportedInterfaces": []}, "card.supportedInterfaces"),
        (
            {"supportedInterfaces": [{"url": "ftp://x", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}]},
            "card.supportedInterfaces",
        ),
        (
            {"supportedInterfaces": [{"url": "https://x/", "protocolBinding": "JSONRPC", "protocolVersion": "2.0"}]},
            "card.supportedInterfaces",
        ),
    ],
)
def test_what_is_wrong_with_a_card_is_named_by_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(CardInvalid) as told:
        card(NEWER, **changes)
    assert field in [each.field for each in told.value.fields]


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{", b"[" * 100_000])
def test_what_is_no_card_is_refused(body: bytes) -> None:
    with pytest.raises(CardInvalid):
        read_card(body)


@pytest.mark.req("N9", "HY2")
def test_clients_are_shown_no_address_but_ours() -> None:
    read = card(NEWER)
    shown = offered_card(read.raw, "https://door.example/a2a/weather", own_hosts(read, ["https://agent.example"]))
    text = json.dumps(shown)
    assert "agent.example" not in text
    assert "signatures" not in shown
    assert "X-Own" not in text
    assert shown["documentationUrl"] == "https://docs.example/weather"
    assert {each["url"] for each in shown["supportedInterfaces"]} == {"https://door.example/a2a/weather"}
    assert {(each["protocolBinding"], each["protocolVersion"]) for each in shown["supportedInterfaces"]} == {
        (binding, version) for binding in ("JSONRPC", "HTTP+JSON") for version in ("1.0", "0.3")
    }
    assert (shown["url"], shown["preferredTransport"], shown["protocolVersion"]) == (
        "https://door.example/a2a/weather",
        "JSONRPC",
        "0.3.0",
    )


def test_a_card_does_not_move_calls_to_another_address() -> None:
    read = card(NEWER)
    assert [each.url for each in interfaces_at(read, "https://agent.example")] == ["/rpc", "/old"]
    assert interfaces_at(read, "https://other.example") == ()
    assert interfaces_at(read, "http://agent.example") == ()


def test_an_agent_that_calls_itself_localhost_is_met_where_it_is_registered() -> None:
    named = [{"url": "http://localhost:9999/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}]
    read = card(NEWER, supportedInterfaces=named)
    assert [each.url for each in interfaces_at(read, "http://agent-host:9000")] == ["/rpc"]
    assert home_of(read, "http://agent-host:9000/some/path") == "http://agent-host:9000"


def test_the_home_of_a_card_is_where_its_interfaces_are() -> None:
    assert home_of(card(NEWER), "https://cards.example/weather.json") == "https://agent.example"
    assert home_of(card(OLDER), "http://10.0.0.5:9302") == "http://10.0.0.5:9302"
    assert card_addresses("https://cards.example/weather.json") == ["https://cards.example/weather.json"]
    assert card_addresses("http://a.example/x/") == [
        "http://a.example/x/.well-known/agent-card.json",
        "http://a.example/.well-known/agent-card.json",
        "http://a.example/x/.well-known/agent.json",
    ]


def test_a_capability_is_a_skill_a_tag_or_a_word_of_the_service() -> None:
    read = card(NEWER)
    assert words_of(read) == ("forecast", "weather")
    assert can(read, (), "FORECAST")
    assert can(read, (), "weather")
    assert can(None, ("planning",), "planning")
    assert not can(read, (), "sailing")
