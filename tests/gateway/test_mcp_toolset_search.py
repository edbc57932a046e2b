"""Finding tools by what they are for."""

import orjson
import pytest

from portico.domains.tools.model import ToolEntry
from portico.gateway import toolset_search
from portico.gateway.toolset_offers import Offer
from portico.gateway.toolset_search import SearchBook, words_of
from tests.gateway import house as terms

SERVER = terms.service("s", "http://127.0.0.1:9/mcp", kind="tools")


def offer(name: str, description: str, *parameters: str, pin: str = "1") -> Offer:
    schema = orjson.dumps({"type": "object", "properties": {each: {} for each in parameters}})
    more = orjson.dumps({"description": description})
    return Offer(f"s__{name}", SERVER, ToolEntry(name, "approved", pin, pin, schema, b"", 0, False, more))


OFFERS = [
    offer("createInvoice", "Makes a bill for a customer.", "customer_id"),
    offer("list_customers", "All customers, with their addresses."),
    offer("send_mail", "Sends a message to an address.", "recipient"),
]


@pytest.mark.req("N10")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("invoice", ["s__createInvoice"]),
        ("make bills", ["s__createInvoice"]),
        ("RECIPIENT", ["s__send_mail"]),
        ("customers", ["s__list_customers", "s__createInvoice"]),
        ("addr", ["s__list_customers", "s__send_mail"]),
        ("weather", []),
        ("", []),
    ],
)
def test_words_lead_to_tools_the_best_first(query: str, found: list[str]) -> None:
    ranked = [each.name for each in SearchBook().ranked(query, OFFERS)]
    assert ranked == found


def test_only_what_is_offered_is_found_however_much_was_read_before() -> None:
    book = SearchBook()
    assert len(book.ranked("customer", OFFERS)) == 2
    assert [each.name for each in book.ranked("customer", OFFERS[1:])] == ["s__list_customers"]
    assert book.ranked("customer", []) == []


def test_a_new_definition_is_read_and_old_ones_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolset_search, "MOST_KEPT", 4)
    book = SearchBook()
    for number in range(10):
        current = [offer("tool", f"Serves number{'abcdefghij'[number]}.", pin=str(number))]
        assert book.ranked(f"number{'abcdefghij'[number]}", current) == current
    assert len(book._lengths) <= 4


def test_identifiers_are_words_too() -> None:
    assert words_of("createInvoice list_HTTPServers2") == ["create", "invoice", "list", "http", "servers", "2"]
