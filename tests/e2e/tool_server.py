"""A tool server that can say tomorrow what it did not say today."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ADD: dict[str, Any] = {
    "name": "add",
    "title": "Add",
    "description": "Adds two whole numbers.",
    "annotations": {"readOnlyHint": True},
    "inputSchema": {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "description": "the first number"},
            "b": {"type": "integer", "description": "the second number"},
        },
        "required": ["a", "b"],
    },
}
DROP: dict[str, Any] = {"name": "drop_table", "description": "Drops a table.", "inputSchema": {"type": "object"}}


SESSION = "a-session"


class ToolServer:
    """`sessions`: of the older era alone, which wants a session around each call."""

    def __init__(self, *, sessions: bool) -> None:
        self.tools = [ADD]
        self.sessions = sessions
        self.ended = 0
        self.called: list[dict[str, Any]] = []
        self.url = ""

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        complete = {"resultType": "complete"}
        match method:
            case "initialize":
                facts = {"serverInfo": {"name": "sums", "version": "1"}, "capabilities": {"tools": {}}}
                return {"protocolVersion": "2025-11-25", **facts}
            case "server/discover":
                facts = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
                return {**facts, **complete, "ttlMs": 0, "cacheScope": "private"}
            case "tools/list":
                return {"tools": self.tools, "ttlMs": 0, "cacheScope": "private", **complete}
            case _:
                self.called.append(params)
                total = sum(params["arguments"].values())
                return {"content": [{"type": "text", "text": f"The sum is {total}."}], "isError": False, **complete}


@contextmanager
def tool_server(*, sessions: bool = False) -> Iterator[ToolServer]:
    made = ToolServer(sessions=sessions)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if "id" not in asked:
                self._say(202, None)
                return
            if made.sessions and asked["method"] != "initialize" and self.headers["Mcp-Session-Id"] != SESSION:
                error = {"code": -32600, "message": "Bad Request: Missing session ID"}
                self._say(400, {"jsonrpc": "2.0", "id": asked["id"], "error": error})
                return
            result = made.answer(asked["method"], asked.get("params", {}))
            self._say(200, {"jsonrpc": "2.0", "id": asked["id"], "result": result})

        def do_GET(self) -> None:
            self._say(405, None)

        def do_DELETE(self) -> None:
            made.ended += 1
            self._say(200, None)

        def log_message(self, *_: object) -> None:
            pass

        def _say(self, status: int, told: dict[str, Any] | None) -> None:
            body = b"" if told is None else json.dumps(told).encode()
            self.send_response(status)
            if made.sessions:
                self.send_header("Mcp-Session-Id", SESSION)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{serving.server_port}/mcp"
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        serving.shutdown()
        serving.server_close()
