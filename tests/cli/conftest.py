"""A small HTTP server that speaks the parts of the contract the command line relies on, and a runner with its own home."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from portico.cli.main import app


@dataclass
class Answer:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Desk:
    """Answers by `METHOD /path`, remembers what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[Asked], Answer]] = {}
        self.asked: list[Asked] = []
        self.url = ""

    def on(self, what: str, body: Any = None, *, status: int = 200, **headers: str) -> None:
        self.answers[what] = Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def refuse(self, what: str, status: int, code: str, message: str, details: str = "") -> None:
        self.on(what, envelope(code, message, details), status=status, X_Request_Id="req-42")

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        found = self.answers.get(f"{asked.method} {asked.path.partition('?')[0]}")
        if found is None:
            return Answer(404, envelope("ROUTE_NOT_FOUND", f"nothing at {asked.path}", ""))
        return found if isinstance(found, Answer) else found(asked)


def envelope(code: str, message: str, details: str) -> dict[str, Any]:
    error = {"code": "E0000", "message": message, "details": details, "fields": []}
    return {"code": code, "message": message, "correlation_id": "req-42", "error": error}


def listing(*items: dict[str, Any], next_cursor: str | None = None) -> dict[str, Any]:
    pagination = {"page": 1, "page_size": 20, "total": len(items), "cursors": {"next": next_cursor}}
    return {"items": list(items), "pagination": pagination}


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(size)
            body = json.loads(raw) if raw else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = desk.answer(Asked(self.command, self.path, headers, body))
            content = b"" if answer.status == 204 else (answer.text or json.dumps(answer.body)).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.handle_any
            raise AttributeError(name)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    desk.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield desk
    server.shutdown()
    thread.join()
    server.server_close()


Run = Callable[..., Result]


@pytest.fixture
def run(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line against the desk, with a home and a data folder of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    # The tests' own variable is not a setting, and an unknown PORTICO_ variable is an error.
    monkeypatch.delenv("PORTICO_TEST_POSTGRES", raising=False)
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def run_it(*arguments: str, key: str | None = "pk_00000000_test", input: str | None = None) -> Result:
        environment: dict[str, str | None] = {"PORTICO_URL": desk.url, "PORTICO_KEY": key, "PORTICO_PROFILE": None}
        return runner.invoke(app, list(arguments), input=input, env=environment)

    return run_it
