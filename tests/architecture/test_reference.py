from pathlib import Path

import pytest

from portico.api.reference import error_table
from portico.kernel.errors import REGISTRY

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"


@pytest.mark.req("SP7", "SS24")
def test_every_error_stands_in_the_reference_exactly_once() -> None:
    table = error_table()
    for name in REGISTRY:
        assert table.count(f"| `{name}` |") == 1


def test_the_page_in_the_docs_is_the_current_one() -> None:
    assert PAGE.read_text() == error_table(), "docs/reference/errors.md is old; run: make generate"


def test_a_code_keeps_its_family() -> None:
    for code in REGISTRY.values():
        assert code.e_code[:2] == "E9"
        assert 400 <= code.status < 600
