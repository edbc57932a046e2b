"""Whatever nginx refuses as ambiguous is refused here, and what passes ends where nginx says it ends."""

import os
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.arena import NGINX, Arena, Compared, Seen
from tests.gateway.smuggling_corpus import AUTH, GOOD, HOST, entries

pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is missing: request smuggling was NOT compared. Install nginx to run this."
)
CORPUS = entries()
# What nginx refuses and we pass on, each with the reason why that is not ambiguous.
WE_ACCEPT = {
    "te alone b'Transfer-Encoding:\\tchunked\\r\\n'": "a tab is white space like any other (RFC 9110 5.6.3), and the line that we "
    "send on is written by us, with a space",
}


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with Arena(tmp_path_factory.mktemp("arena")) as opened:
        yield opened


@pytest.fixture(scope="module")
def compared(arena: Arena) -> dict[str, Compared]:
    return dict(zip(CORPUS, arena.compare(CORPUS.values()), strict=True))


def disagreement(each: Compared) -> str | None:
    """Why this outcome could be used for smuggling; None when ours saw no more than the others, cut at the same places."""
    ours, nginx = each.ours.seen, each.nginx.seen
    if not _among(ours, nginx):
        return f"our service saw {ours}, nginx's saw {nginx}"
    if each.llhttp is not None and not _among(ours, each.llhttp):
        return f"our service saw {ours}, llhttp alone reads {each.llhttp}"
    if len(each.ours.statuses) > max(len(ours), len(each.nginx.statuses)) + 1:
        return f"our client got {each.ours.statuses} for {len(ours)} requests"
    return None


def _among(ours: tuple[Seen, ...], theirs: tuple[Seen, ...]) -> bool:
    """Each of ours is one of theirs, in the same order; between them we may have refused."""
    rest = iter(theirs)
    return all(any(each == other for other in rest) for each in ours)


@pytest.mark.parametrize("name", CORPUS)
def test_nothing_passes_that_nginx_reads_otherwise(compared: dict[str, Compared], name: str) -> None:
    each = compared[name]
    found = disagreement(each)
    if name in WE_ACCEPT:
        assert found is not None, "nginx agrees by now: take it off the list"
    else:
        assert found is None, f"{found}; we answered {each.ours.statuses}, nginx {each.nginx.statuses}"
    if each.ours.refused and each.ours.statuses:
        assert each.ours.statuses[-1] >= 400


@pytest.mark.parametrize(("name", "count"), [(name, count) for name, (_, count) in GOOD.items()])
def test_what_is_sound_passes_on_both(compared: dict[str, Compared], name: str, count: int) -> None:
    each = compared[name]
    assert each.ours.statuses == each.nginx.statuses == (200,) * count
    assert len(each.ours.seen) == count


def test_no_service_ever_saw_what_it_could_not_read(arena: Arena, compared: dict[str, Compared]) -> None:
    assert compared
    assert arena.behind_ours.unreadable == []


# nginx takes a tab before a value for part of it; to RFC 9110 5.6.3 it is white space, and we send the value on without it.
_TAB_BEFORE_VALUE = re.compile(rb": *\t")
_SEEDS = [data for data, _ in GOOD.values()]
_TOKENS = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\x00",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"0",
    b"5",
    b"-",
    b"_",
    b"\x0b",
    b"\xff",
    b"chunked",
]
_TOKENS += [
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: x\r\n",
    b"Content-Length: 0\r\n",
]
_TOKENS += [
    b"Connection: close\r\n",
    b"Connection: Upgrade\r\nUpgrade: x\r\n",
    b"Host: b\r\n",
    b"Expect: 100-continue\r\n",
]
_TOKENS += [b" HTTP/1.1\r\n", b"0\r\n\r\n", b"HTTP/1.0", b"GET ", b"%00", b"/../", b"#", b"?", b"\\"]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """One or two sound requests with a few wounds: bytes put in, taken out, doubled or changed."""
    data = b"".join(draw(st.lists(st.sampled_from(_SEEDS), min_size=1, max_size=2)))
    for _ in range(draw(st.integers(1, 4))):
        # Most wounds at line ends and separators, where framing is decided.
        places = [index for index, byte in enumerate(data) if byte in b"\r\n:,; 05"] or [0]
        place = draw(st.sampled_from(places)) + draw(st.integers(-1, 2))
        place = min(max(place, 0), len(data))
        match draw(st.sampled_from(("put", "take", "double", "change", "move"))):
            case "put":
                data = data[:place] + draw(st.sampled_from(_TOKENS)) + data[place:]
            case "take":
                data = data[:place] + data[place + draw(st.integers(1, 3)) :]
            case "double":
                line = data[data.rfind(b"\n", 0, place) + 1 : data.find(b"\n", place) + 1]
                data = data[:place] + line + data[place:]
            case "change":
                data = data[:place] + bytes([draw(st.integers(0, 255))]) + data[place + 1 :]
            case "move":
                data = data[:place] + data[place:].replace(HOST, b"", 1).replace(AUTH, AUTH + HOST, 1)
    return data


@settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "120")),
    # The same inputs each time, so that a change that breaks nothing is not blamed; set FUZZ_RANDOMLY to look further.
    derandomize="FUZZ_RANDOMLY" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(inputs=st.lists(mutated(), min_size=20, max_size=20))
def test_wounded_requests_are_never_read_otherwise(arena: Arena, inputs: list[bytes]) -> None:
    for data, each in zip(inputs, arena.compare(inputs), strict=True):
        if _TAB_BEFORE_VALUE.search(data):
            continue
        found = disagreement(each)
        assert found is None, f"{data!r}: {found}; we answered {each.ours.statuses}, nginx {each.nginx.statuses}"
    assert arena.behind_ours.unreadable == []
