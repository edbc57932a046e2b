"""A line becomes the row of its call, and the row gives the line back."""

import json

import pytest
from msgspec.structs import fields, replace

from portico.domains.usage.entry import COLUMNS, line_of
from portico.domains.usage.lines import DETAILS, PARTIES, encode_line
from portico.domains.usage.model import CallLine, Charge, Stage
from portico.domains.usage.reader import CallReader, read_line, row_of
from portico.domains.usage.tables import call_parties, calls
from portico.kernel import ids
from tests.usage.journals import call, opening, reservation

FULL = call(
    version="v2",
    model="größe",
    canary=True,
    reason="BUDGET_EXHAUSTED",
    message='the "team" budget',
    streamed=True,
    first_byte_us=7,
    tokens_in=3,
    charges=(Charge("bud_1", 5, 7, 3),),
    stages=(Stage("identify", 0, 12, 'a "note"'), Stage("admit", 12, 3)),
    address="127.0.0.1",
)


def test_every_field_of_a_call_has_its_place() -> None:
    names = [field.name for field in fields(CallLine)]
    assert sorted((*PARTIES, *COLUMNS, *DETAILS, "charges", "stages")) == sorted(names)


def test_every_value_of_a_row_has_its_column() -> None:
    names = ["at" if name == "at_us" else name for name in COLUMNS]
    assert {"position", "place", "party", *names, "details"} == {column.name for column in calls.columns}
    assert {"id", "digest", "place", "newest", *PARTIES} == {column.name for column in call_parties.columns}


def test_a_row_gives_its_line_back() -> None:
    row = row_of(FULL)
    assert len(row) == len(COLUMNS) + 2
    assert line_of(row, whole=True) == FULL
    assert line_of(row, whole=False) == replace(FULL, charges=(), stages=())


def test_every_kind_of_line_can_be_read_back() -> None:
    for line in (opening("e1"), FULL, reservation(FULL, FULL.charges)):
        assert read_line(encode_line(line)) == line


def test_stages_one_after_the_other_are_written_as_their_ends() -> None:
    line = call(stages=(Stage("identify", 0, 12), Stage("admit", 12, 3), Stage("route", 15, 0)))
    assert json.loads(encode_line(line))[-1] == [12, 15, 15]
    assert read_line(encode_line(line)) == line


def test_a_correlation_id_made_from_the_calls_own_is_not_written() -> None:
    brought, own = call(id="call_1", correlation_id="req-2"), call(id="call_1", correlation_id="req-1")
    assert (b"req-2" in encode_line(brought), b"req-1" in encode_line(own)) == (True, False)
    assert [read_line(encode_line(line)) for line in (brought, own)] == [brought, own]


def test_a_trace_is_written_only_when_the_client_brought_it() -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    brought, own = call(trace=f"{trace}-{parent}"), call()
    assert (encode_line(brought)[:6], encode_line(own)[:7]) == (b'["hop"', b'["call"')
    assert [read_line(encode_line(line)) for line in (brought, own)] == [brought, own]
    assert (brought.trace_id, brought.parent_span_id) == (trace, parent)
    assert (own.trace_id[16:], own.parent_span_id) == (own.span_id, None)
    assert "call_" + ids.ulid_of(own.trace_id) == own.id


@pytest.mark.parametrize("details", [b"7", b"[]", b'["\xff"]', b'{"a":1}'], ids=repr)
def test_a_call_whose_details_are_damaged_is_still_a_call(details: bytes) -> None:
    said = encode_line(FULL)
    start, end = said.index(b'["v2"'), said.index(b',[["bud_1"')
    row, charges = CallReader().read(said[:start] + details + said[end:])
    assert [charge.charged for charge in charges] == [3]
    found = line_of(row, whole=True)
    assert (found.id, found.service, found.tokens_in, found.path) == (FULL.id, FULL.service, 3, "")


def test_the_stages_of_earlier_records_are_read_as_they_were_written() -> None:
    *columns, stored, parties = row_of(call(stages=(Stage("identify", 0, 12),)))
    earlier = stored.replace(b",[12]]", b',[["identify",0,12,""]]]')
    assert earlier != stored
    assert line_of((*columns, earlier, parties), whole=True).stages == (Stage("identify", 0, 12),)
