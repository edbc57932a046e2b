"""The small parts by themselves: what waits, how often one may speak, how many places there are."""

import json
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from portico.domains.tenancy.model import Identity
from portico.domains.tenancy.public import open_system_scope
from portico.kernel.ids import OrgId
from portico.realtime import frames
from portico.realtime.outbox import Outbox
from portico.realtime.pace import Pace
from portico.realtime.packet import Packet
from portico.realtime.seat import Seat


def filled(size: int) -> Packet:
    return Packet(b"x" * size)


def test_an_outbox_is_bounded_in_frames_and_bytes() -> None:
    outbox = Outbox(3, 100)
    assert [outbox.offer("calls", filled(10)) for _ in range(5)] == [True, True, True, False, False]
    outbox.drop("calls")
    assert [outbox.offer("calls", filled(60)) for _ in range(2)] == [True, False]
    assert len(outbox.take()) == 60
    # A snapshot larger than the bound must go out some time, or its client would resync for ever.
    assert outbox.offer("calls", filled(1000))
    assert not outbox.offer("calls", filled(1))


def test_only_the_newest_value_waits() -> None:
    outbox = Outbox(3, 100)
    for number in range(10):
        outbox.replace("stats", Packet(b"stats %d" % number))
        outbox.replace("breakers", Packet(b"breakers %d" % number))
    outbox.say(Packet(b"word"))
    assert [outbox.take().content for _ in range(3)] == [b"stats 9", b"breakers 9", b"word"]
    assert len(outbox) == 0


class LineByHand:
    """A line whose far end reads when the test says so."""

    def __init__(self) -> None:
        self.on_ready: Callable[[], None] | None = None
        self.ready, self.cut = True, False
        self.written: list[bytes] = []

    def write(self, frame: bytes) -> None:
        self.written.append(frame)

    def settle(self) -> None:
        """There was no handshake."""

    def abort(self) -> None:
        self.cut = True

    def read_all(self) -> None:
        self.ready = True
        if self.on_ready is not None:
            self.on_ready()


def seat_on(line: LineByHand, outbox: Outbox) -> Seat:
    scope = open_system_scope(OrgId("org_1"))
    return Seat(Identity(scope, None, None, None, None, is_owner=False, is_superadmin=False), line, outbox)


async def test_what_waits_goes_out_in_order_once_the_line_is_free() -> None:
    line = LineByHand()
    seat = seat_on(line, Outbox(8, 1000))
    packets = [Packet(b"%d" % number) for number in range(4)]
    seat.send("calls", packets[0])
    line.ready = False
    seat.send("calls", packets[1])
    seat.say(packets[2])
    seat.send("calls", packets[3])
    assert line.written == [packets[0].frame(deflated=False)]
    line.read_all()
    assert line.written == [packet.frame(deflated=False) for packet in packets]


async def test_who_asks_and_never_reads_is_cut_off() -> None:
    line = LineByHand()
    seat = seat_on(line, Outbox(8, 1000))
    line.ready = False
    for _ in range(64):
        seat.say(frames.PONG)
    assert not line.cut
    seat.say(frames.PONG)
    assert line.cut
    assert len(seat.outbox) == 64


@pytest.mark.req("HY11", "SP16")
@pytest.mark.parametrize("size", [10 * 1024, 10 * 1024 + 1, 70_000])
def test_large_frames_are_packed_once_for_those_who_read_them(size: int) -> None:
    packet = Packet(b'"' + b"a" * (size - 2) + b'"')
    plain, packed = packet.frame(deflated=False), packet.frame(deflated=True)
    assert opened(plain) == (Opcode.TEXT, packet.content)
    assert packet.frame(deflated=True) is packed
    if size > 10 * 1024:
        kind, content = opened(packed)
        assert (kind, zlib.decompress(content, wbits=-15)) == (Opcode.BINARY, packet.content)
        assert len(packed) < size / 10
    else:
        assert packed is plain


def opened(raw: bytes) -> tuple[Opcode, bytes]:
    """A frame as a client's protocol reads it."""
    reader = StreamReader()
    reader.feed_data(raw)
    parsing = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    return done.value.value.opcode, bytes(done.value.value.data)


def test_a_client_frame_has_the_size_its_kind_may_have() -> None:
    tab = "0f8fad5b-d9cb-469f-a165-70867728950e"
    patch = {"type": "patch", "topic": "dashboard:d", "tab": tab, "version": 1, "ref": 1}

    def changing(size: int) -> str:
        return json.dumps({**patch, "patch": [{"op": "add", "path": "/view/x", "value": "v" * size}]})

    assert isinstance(frames.parse(changing(80_000)), frames.Patch)
    for text in (changing(98_300), json.dumps({"type": "pong", "more": "x" * 17_000}), "{" + "x" * 17_000):
        with pytest.raises(frames.TooLarge):
            frames.parse(text)


@pytest.mark.req("C10")
@given(st.lists(st.floats(min_value=0.001, max_value=40), max_size=200))
def test_no_minute_ever_holds_more_than_allowed(pauses: list[float]) -> None:
    pace, now, served = Pace(5, 10_000), 0.0, []
    for pause in pauses:
        now += pause
        wait_ms = pace.wait_ms(now)
        if wait_ms == 0:
            served.append(now)
        else:
            assert 0 < wait_ms <= 60_000
    assert all(sum(moment - 60 < other <= moment for other in served) <= 5 for moment in served)


def test_waiting_as_told_is_enough() -> None:
    pace = Pace(2, 100)
    assert [pace.wait_ms(0.0), pace.wait_ms(10.0)] == [0, 0]
    assert pace.wait_ms(20.0) == 40_000
    assert pace.wait_ms(60.0) == 0
