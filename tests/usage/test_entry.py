"""The folder's view of a line agrees with the line, with the table, and gives the line back."""

from msgspec.structs import fields, replace

from portico.domains.usage.entry import COLUMNS, CallEntry, ReserveEntry, entry_of, line_of, row_of
from portico.domains.usage.model import CallLine, Charge, ReserveLine, Stage
from portico.domains.usage.tables import calls
from tests.usage.journals import call


def test_no_field_of_a_line_is_forgotten_and_none_is_required_that_may_be_left_out() -> None:
    for entry, line in ((CallEntry, CallLine), (ReserveEntry, ReserveLine)):
        optional = {field.name: not field.required for field in fields(line)}
        assert {field.name: not field.required for field in fields(entry)} == optional


def test_columns_stand_in_the_order_of_the_table() -> None:
    names = ["at" if name == "at_us" else name for name in COLUMNS]
    assert ["position", *names, "details"] == [column.name for column in calls.columns]


def test_a_row_gives_its_line_back() -> None:
    line = call(
        version="v2",
        model="größe",
        canary=True,
        first_byte_us=7,
        tokens_in=3,
        charges=(Charge("bud_1", 5, 7, 3),),
        stages=(Stage("identify", 0, 12, 'a "note"'), Stage("admit", 12, 3)),
        address="127.0.0.1",
    )
    row = row_of(entry_of(line))
    assert len(row) == len(COLUMNS) + 1
    assert line_of(row, whole=True) == line
    assert line_of(row, whole=False) == replace(line, charges=(), stages=())
