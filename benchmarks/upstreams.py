"""Start the two far ends on the load's core: nginx with one fixed answer, and the raw server that streams."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from contestants import HOST, PLAIN_UPSTREAM, STREAM_UPSTREAM, nginx_command, nginx_files
from peers import Installed, prepare_nginx
from processes import LOAD_CORE, running
from upstream import completion_body


@contextmanager
def upstreams(folder: Path, *, chunks: int, interval_ms: float) -> Iterator[str]:
    """Both running; gives the name of what answers the plain calls."""
    nginx = prepare_nginx()
    with ExitStack() as stack:
        stream = _raw(STREAM_UPSTREAM, chunks, interval_ms)
        _start(stack, stream, STREAM_UPSTREAM, folder / "stream-upstream.log")
        if isinstance(nginx, Installed):
            _start(stack, _fixed_nginx(nginx, folder / "upstream"), PLAIN_UPSTREAM, folder / "upstream.log")
            yield f"nginx {nginx.version} (`return 200`)"
        else:
            _start(stack, _raw(PLAIN_UPSTREAM, chunks, interval_ms), PLAIN_UPSTREAM, folder / "upstream.log")
            yield "a raw Python protocol (nginx is absent, so the upstream takes more of the load's core)"


def _start(stack: ExitStack, command: list[str], port: int, log: Path) -> None:
    ready = (port, "/health")
    stack.enter_context(running(command, core=LOAD_CORE, ready_url=ready, log=log, env={}, patience_s=15))


def _raw(port: int, chunks: int, interval_ms: float) -> list[str]:
    program = str(Path(__file__).with_name("upstream.py"))
    return [sys.executable, program, "--port", str(port), "--chunks", str(chunks), "--interval-ms", str(interval_ms)]


def _fixed_nginx(nginx: Installed, folder: Path) -> list[str]:
    body = completion_body().decode().replace("\\", "\\\\").replace("'", "\\'")
    server = f"""
  server {{
    listen {HOST}:{PLAIN_UPSTREAM} backlog=1024;
    default_type application/json;
    location / {{ return 200 '{body}'; }}
  }}"""
    return nginx_command(nginx, folder, nginx_files(folder, server))
