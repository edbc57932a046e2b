"""The inventory sample keeps its own promises, so that a failure seen through the gateway is the gateway's."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect


def test_it_is_healthy_and_lists_its_stock(inventory: httpx2.Client) -> None:
    assert inventory.get("/health").json() == {"status": "healthy"}
    items = inventory.get("/stock").json()["items"]
    assert inventory.get(f"/stock/{items[0]['sku']}").json() == items[0]


def test_a_reservation_takes_from_the_stock_until_it_is_short(fresh_inventory_url: str) -> None:
    with httpx2.Client(base_url=fresh_inventory_url) as client:
        taken = client.post("/stock/TROLLEY-250/reserve", json={"quantity": 2})
        short = client.post("/stock/TROLLEY-250/reserve", json={"quantity": 2})
        left = client.get("/stock/TROLLEY-250").json()["quantity"]
    assert taken.json() == {"reservation": "R-000001", "sku": "TROLLEY-250", "reserved": 2, "left": 1}
    assert (short.status_code, short.json()["error"]["available"], left) == (409, 1, 1)


def test_reservations_at_the_same_time_never_take_more_than_there_is(fresh_inventory_url: str) -> None:
    def reserve(_: int) -> int:
        return httpx2.post(f"{fresh_inventory_url}/stock/PUMP-12V/reserve", json={"quantity": 1}).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(reserve, range(20)))
    assert (answers.count(200), answers.count(409)) == (12, 8)


@pytest.mark.parametrize("quantity", [0, -1, 1.5, "2", True, None])
def test_a_quantity_that_makes_no_sense_is_refused(inventory: httpx2.Client, quantity: object) -> None:
    answer = inventory.post("/stock/NUT-M8/reserve", json={"quantity": quantity})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "quantity")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/stock/NOTHING", 404),
        ("GET", "/nowhere", 404),
        ("DELETE", "/stock", 405),
        ("GET", "/slow?ms=-1", 400),
        ("GET", "/stream?chunks=0", 400),
        ("GET", "/ws", 426),
    ],
)
def test_what_cannot_be_done_is_said_plainly(inventory: httpx2.Client, method: str, path: str, status: int) -> None:
    answer = inventory.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_every_nth_flaky_call_fails(fresh_inventory_url: str) -> None:
    with httpx2.Client(base_url=fresh_inventory_url) as client:
        assert [client.get("/flaky?fail_every=3").status_code for _ in range(6)] == [200, 200, 500] * 2


def test_a_slow_answer_takes_as_long_as_asked(inventory: httpx2.Client) -> None:
    begun = time.monotonic()
    assert inventory.get("/slow?ms=200").json() == {"waited_ms": 200}
    assert 0.2 <= time.monotonic() - begun < 2


def test_a_stream_arrives_piece_by_piece(inventory: httpx2.Client) -> None:
    arrivals = []
    with inventory.stream("GET", "/stream?chunks=4&delay_ms=100") as answer:
        for line in answer.iter_lines():
            arrivals.append((time.monotonic(), line))
    assert [line for _, line in arrivals] == [f"line {number} of 4" for number in (1, 2, 3, 4)]
    assert arrivals[-1][0] - arrivals[0][0] > 0.2


def test_a_body_of_any_size_is_digested_without_being_kept(inventory: httpx2.Client) -> None:
    body = b"0123456789abcdef" * 1024 * 1024
    pieces = (body[start : start + 70_000] for start in range(0, len(body), 70_000))
    expected = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    assert inventory.post("/digest", content=pieces).json() == expected


def test_an_echo_comes_back_while_the_body_is_still_on_its_way(inventory_url: str) -> None:
    with dial(inventory_url) as wire:
        wire.sendall(b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert read_until(wire, b"first\r\n").startswith(b"HTTP/1.1 200 OK")
        wire.sendall(b"4\r\nlast\r\n0\r\n\r\n")
        assert read_until(wire, b"0\r\n\r\n") == b"4\r\nlast\r\n0\r\n\r\n"


def test_a_large_echo_is_complete_when_read_while_sending(inventory_url: str) -> None:
    body = bytes(range(256)) * 32 * 1024
    with dial(inventory_url) as wire:
        head = f"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        sender = threading.Thread(target=wire.sendall, args=(head.encode() + body,))
        sender.start()
        answer = read_to_end(wire)
        sender.join(timeout=10)
    assert unchunk(answer.partition(b"\r\n\r\n")[2]) == body


def test_pipelined_requests_are_answered_in_order(inventory_url: str) -> None:
    with dial(inventory_url) as wire:
        wire.sendall(
            b"GET /slow?ms=50 HTTP/1.1\r\nhost: x\r\n\r\n"
            b"POST /digest HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
            b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        answer = read_to_end(wire)
    assert re.findall(rb"waited_ms|sha256|healthy", answer) == [b"waited_ms", b"sha256", b"healthy"]


def test_continue_is_said_only_when_the_body_is_wanted(inventory_url: str) -> None:
    with dial(inventory_url) as wire:
        wire.sendall(b"POST /digest HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
        assert read_until(wire, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(b"ok")
        assert b'"bytes":2' in read_until(wire, b"}")
    with dial(inventory_url) as wire:
        wire.sendall(b"POST /health HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
        assert read_to_end(wire).startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST /digest HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", b"400"),
        (b"POST /digest HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nZ\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: x\r\nbig: " + b"x" * 70_000, b"431"),
    ],
)
def test_broken_requests_are_refused_and_the_connection_closed(inventory_url: str, sent: bytes, status: bytes) -> None:
    with dial(inventory_url) as wire:
        wire.sendall(sent)
        assert read_to_end(wire).startswith(b"HTTP/1.1 " + status)


def test_a_half_closed_client_still_gets_its_answer(inventory_url: str) -> None:
    with dial(inventory_url) as wire:
        wire.sendall(b"GET /slow?ms=50 HTTP/1.1\r\nhost: x\r\n\r\n")
        wire.shutdown(socket.SHUT_WR)
        assert b"waited_ms" in read_to_end(wire)


def test_an_old_client_gets_a_stream_without_chunks(inventory_url: str) -> None:
    with dial(inventory_url) as wire:
        wire.sendall(b"GET /stream?chunks=2&delay_ms=1 HTTP/1.0\r\n\r\n")
        head, _, body = read_to_end(wire).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body == b"line 1 of 2\nline 2 of 2\n"


def test_a_socket_echoes_text_binary_and_fragments(inventory_url: str) -> None:
    with connect(inventory_url.replace("http", "ws") + "/ws", compression=None) as socket_:
        for message in ("grüezi", b"\x00\xff", "x" * 200_000):
            socket_.send(message)
            assert socket_.recv(timeout=5) == message
        socket_.send(["one ", "message ", "in parts"])
        assert socket_.recv(timeout=5) == "one message in parts"
        assert socket_.ping().wait(timeout=5)


def test_a_socket_refuses_a_message_that_is_too_large(inventory_url: str) -> None:
    with connect(inventory_url.replace("http", "ws") + "/ws", compression=None) as socket_:
        socket_.send(b"x" * (1024 * 1024 + 1))
        with pytest.raises(ConnectionClosedError) as closed:
            socket_.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_the_description_names_what_is_there(inventory: httpx2.Client) -> None:
    paths = inventory.get("/openapi.json").json()["paths"]
    names = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(names) == len(set(names)) == 11
    for path, methods in paths.items():
        for method, operation in methods.items():
            answer = inventory.request(method, path.replace("{sku}", "NUT-M8"), json={"quantity": 1})
            assert str(answer.status_code) in operation["responses"], path


def dial(url: str) -> socket.socket:
    parsed = httpx2.URL(url)
    assert parsed.port is not None
    return socket.create_connection((parsed.host, parsed.port), timeout=10)


def read_until(wire: socket.socket, end: bytes) -> bytes:
    seen = b""
    while not seen.endswith(end):
        piece = wire.recv(65536)
        assert piece, seen
        seen += piece
    return seen


def read_to_end(wire: socket.socket) -> bytes:
    pieces = []
    while piece := wire.recv(262_144):
        pieces.append(piece)
    return b"".join(pieces)


def unchunk(body: bytes) -> bytes:
    place, pieces = 0, list[bytes]()
    while True:
        line_end = body.index(b"\r\n", place)
        size = int(body[place:line_end], 16)
        if size == 0:
            return b"".join(pieces)
        pieces.append(body[line_end + 2 : line_end + 2 + size])
        place = line_end + 2 + size + 2
