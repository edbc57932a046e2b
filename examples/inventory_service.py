"""A warehouse's stock over HTTP: the sample `http` service. State lives in memory and starts afresh with the program.

python examples/inventory_service.py --port 18080
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tiny_http import HttpError, Inflow, Outflow, Reply, Request, json_reply, serve

if TYPE_CHECKING:
    from websockets.server import ServerProtocol

NAME = "inventory-service"
MAX_RESERVE_BODY_BYTES = 64 * 1024
MAX_FRAME_BYTES = 1024 * 1024
DESCRIPTION = Path(__file__).with_name("inventory_openapi.json")


@dataclass
class StockItem:
    sku: str
    name: str
    bin: str
    quantity: int


def first_stock() -> dict[str, StockItem]:
    items = [
        StockItem("BOLT-M8-40", "Hex bolt M8 x 40, galvanised", "A-01-3", 4200),
        StockItem("NUT-M8", "Hex nut M8, galvanised", "A-01-4", 6800),
        StockItem("GLOVE-L", "Work gloves, size L", "B-02-1", 310),
        StockItem("HELMET-YEL", "Safety helmet, yellow", "B-03-2", 85),
        StockItem("PALLET-EUR", "Euro pallet 1200 x 800", "YARD-1", 140),
        StockItem("PUMP-12V", "Transfer pump, 12 V", "C-11-2", 12),
        StockItem("TAPE-50", "Packing tape 50 mm x 66 m", "B-01-7", 960),
        StockItem("TROLLEY-250", "Platform trolley, 250 kg", "D-04-1", 3),
    ]
    return {item.sku: item for item in items}


Route = Callable[[Request], Awaitable[Reply]]


class Warehouse:
    def __init__(self) -> None:
        self._stock = first_stock()
        self._reservations = itertools.count(1)
        self._flaky_calls = itertools.count(1)
        self._routes: dict[str, dict[str, Route]] = {
            "/health": {"GET": self.get_health},
            "/stock": {"GET": self.list_stock},
            "/slow": {"GET": self.answer_slowly},
            "/flaky": {"GET": self.fail_sometimes},
            "/stream": {"GET": self.stream_lines},
            "/echo": {"POST": self.echo_body},
            "/digest": {"POST": self.digest_body},
            "/ws": {"GET": self.echo_messages},
            "/openapi.json": {"GET": self.describe},
        }

    async def handle(self, request: Request) -> Reply:
        methods = self._routes.get(request.path) or self._stock_routes(request.path)
        if methods is None:
            raise HttpError(404, f"There is nothing at {request.path}.", code="not_found")
        verb = "GET" if request.method == "HEAD" else request.method
        if verb not in methods:
            raise HttpError(405, f"{request.path} takes {', '.join(methods)}.", headers={"allow": ", ".join(methods)})
        return await methods[verb](request)

    def _stock_routes(self, path: str) -> dict[str, Route] | None:
        match path.split("/")[1:]:
            case ["stock", sku] if sku:
                return {"GET": lambda request: self.get_stock(request, sku)}
            case ["stock", sku, "reserve"] if sku:
                return {"POST": lambda request: self.reserve_stock(request, sku)}
        return None

    def _find(self, sku: str) -> StockItem:
        item = self._stock.get(sku)
        if item is None:
            raise HttpError(404, f"No item has the SKU {sku}.", param="sku", code="unknown_sku")
        return item

    # -- the stock --------------------------------------------------------------------------------------------------

    async def get_health(self, request: Request) -> Reply:
        return json_reply({"status": "healthy"})

    async def list_stock(self, request: Request) -> Reply:
        return json_reply({"items": [asdict(item) for item in self._stock.values()]})

    async def get_stock(self, request: Request, sku: str) -> Reply:
        return json_reply(asdict(self._find(sku)))

    async def reserve_stock(self, request: Request, sku: str) -> Reply:
        quantity = (await request.read_json(max_bytes=MAX_RESERVE_BODY_BYTES)).get("quantity")
        item = self._find(sku)
        if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
            raise HttpError(400, "quantity must be a whole number of at least 1.", param="quantity")
        if quantity > item.quantity:
            message = f"Only {item.quantity} of {sku} are left."
            raise HttpError(409, message, type="conflict", code="short_of_stock", available=item.quantity)
        item.quantity -= quantity
        reservation = f"R-{next(self._reservations):06d}"
        return json_reply({"reservation": reservation, "sku": sku, "reserved": quantity, "left": item.quantity})

    # -- what a gateway is tried with -------------------------------------------------------------------------------

    async def answer_slowly(self, request: Request) -> Reply:
        wait_ms = request.number("ms", default=1000, low=0, high=120_000)
        await asyncio.sleep(wait_ms / 1000)
        return json_reply({"waited_ms": wait_ms})

    async def fail_sometimes(self, request: Request) -> Reply:
        fail_every = request.number("fail_every", default=3, low=1, high=1_000_000)
        call = next(self._flaky_calls)
        if call % fail_every == 0:
            raise HttpError(
                500, f"Call {call} failed, as every {fail_every}. call does.", type="server_error", call=call
            )
        return json_reply({"call": call, "fail_every": fail_every})

    async def stream_lines(self, request: Request) -> Reply:
        chunks = request.number("chunks", default=10, low=1, high=100_000)
        delay_ms = request.number("delay_ms", default=100, low=0, high=60_000)

        async def lines() -> AsyncIterator[bytes]:
            for number in range(1, chunks + 1):
                if number > 1:
                    await asyncio.sleep(delay_ms / 1000)
                yield f"line {number} of {chunks}\n".encode()

        return Reply(200, lines(), {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"})

    async def echo_body(self, request: Request) -> Reply:
        """Sends each piece back as it arrives, so memory stays small; the caller must read while it still sends."""
        first = await request.body.read()

        async def pieces() -> AsyncIterator[bytes]:
            yield first
            if first:
                async for piece in request.body:
                    yield piece

        content_type = request.headers.get("content-type", "application/octet-stream")
        return Reply(200, pieces(), {"content-type": content_type})

    async def digest_body(self, request: Request) -> Reply:
        digest, size = hashlib.sha256(), 0
        async for piece in request.body:
            digest.update(piece)
            size += len(piece)
        return json_reply({"bytes": size, "sha256": digest.hexdigest()})

    async def describe(self, request: Request) -> Reply:
        return Reply(200, DESCRIPTION.read_bytes(), {"content-type": "application/json"})

    async def echo_messages(self, request: Request) -> Reply:
        if not is_websocket(request):
            raise HttpError(426, "This address speaks WebSocket.", headers={"upgrade": "websocket"})
        return Reply(101, upgrade=lambda inflow, outflow: echo_frames(request, inflow, outflow))


def is_websocket(request: Request) -> bool:
    """Whether the handshake is one that RFC 6455 lets us accept."""
    headers = request.headers
    try:
        key = base64.b64decode(headers.get("sec-websocket-key", ""), validate=True)
    except ValueError:
        return False
    wanted = request.upgrade and headers.get("upgrade", "").lower() == "websocket"
    return wanted and len(key) == 16 and headers.get("sec-websocket-version") == "13"


async def echo_frames(request: Request, inflow: Inflow, outflow: Outflow) -> None:
    """Text comes back as text and binary as binary; pings, fragments, bounds and closing are the library's work."""
    # Imported here because most runs never open a socket and would only pay for it at start.
    from websockets.datastructures import Headers
    from websockets.frames import Frame, Opcode
    from websockets.http11 import Request as Handshake
    from websockets.server import ServerProtocol

    protocol = ServerProtocol(max_size=MAX_FRAME_BYTES)
    protocol.receive_data(Handshake(request.target, Headers(request.headers)).serialize())
    protocol.send_response(protocol.accept(cast(Handshake, protocol.events_received()[0])))
    message, opcode, ended = bytearray(), Opcode.TEXT, False
    while True:
        for piece in protocol.data_to_send():
            await outflow.write(piece)
        if ended or protocol.close_expected():
            return
        data = await inflow.read()
        if data:
            protocol.receive_data(data)
        else:
            protocol.receive_eof()
            ended = True
        for frame in protocol.events_received():
            if not isinstance(frame, Frame) or frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                continue
            opcode = opcode if frame.opcode is Opcode.CONT else frame.opcode
            message += frame.data
            if frame.fin:
                send_message(protocol, bytes(message), text=opcode is Opcode.TEXT)
                message.clear()


def send_message(protocol: ServerProtocol, message: bytes, *, text: bool) -> None:
    if not text:
        protocol.send_binary(message)
        return
    try:
        message.decode()
    except UnicodeDecodeError:
        protocol.fail(1007, "text must be UTF-8")
    else:
        protocol.send_text(message)


def main() -> None:
    parser = argparse.ArgumentParser(description="A warehouse's stock over HTTP, in memory.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=18080, help="0 takes a free one")
    arguments = parser.parse_args()
    asyncio.run(serve(Warehouse().handle, host=arguments.host, port=arguments.port, name=NAME))


if __name__ == "__main__":
    main()
