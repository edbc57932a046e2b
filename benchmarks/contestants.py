"""Who is measured: how each is set up and started, and the call that is made to it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers import Absent, Installed, prepare_litellm, prepare_nginx, prepare_portkey
from processes import Running, proxy_core, running

HOST = "127.0.0.1"
PLAIN_UPSTREAM, STREAM_UPSTREAM = 18100, 18101
NGINX_PORT, NGINX_STREAM_PORT, PORTICO_PORT, PORTKEY_PORT, LITELLM_PORT = 18110, 18111, 18120, 18130, 18140
PLAIN_MODEL, STREAM_MODEL = "bench", "bench-stream"
CHAT_PATH = "/v1/chat/completions"
# Nobody checks this key but LiteLLM; it is no secret.
BENCH_KEY = "sk-bench-loopback-only"


@dataclass(frozen=True)
class Target:
    """One call, made again and again: to this address, with these headers and this body."""

    url: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Serving:
    plain: Target
    streamed: Target
    process: Running | None
    stages: Callable[[], dict[str, float]] | None = None


@dataclass(frozen=True)
class Contestant:
    name: str
    version: str
    does: str
    serve: Callable[[Path], AbstractContextManager[Serving]]


def chat_body(model: str, *, stream: bool) -> str:
    """About 300 bytes, as small chat calls are."""
    instruction = "You answer questions about the stock of a warehouse, briefly and with numbers."
    question = "How many pallets are left in bay four, and when does the next delivery arrive?"
    messages = [{"role": "system", "content": instruction}, {"role": "user", "content": question}]
    body: dict[str, object] = {"model": model, "messages": messages, "max_tokens": 200}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(body, separators=(",", ":"))


def chat_at(port: int, *, stream: bool, key: str = BENCH_KEY, headers: dict[str, str] | None = None) -> Target:
    every = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    body = chat_body(STREAM_MODEL if stream else PLAIN_MODEL, stream=stream)
    return Target(f"http://{HOST}:{port}{CHAT_PATH}", every | (headers or {}), body)


def direct() -> Contestant:
    @contextmanager
    def serve(folder: Path) -> Iterator[Serving]:
        yield Serving(chat_at(PLAIN_UPSTREAM, stream=False), chat_at(STREAM_UPSTREAM, stream=True), None)

    return Contestant("direct", "", "no proxy at all: the load and the upstream by themselves", serve)


# -- nginx ----------------------------------------------------------------------------------------------------------

NGINX_FRAME = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{servers}
}}
"""


def nginx_files(folder: Path, servers: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(NGINX_FRAME.format(user=user, folder=folder, servers=servers))
    return config


def nginx_command(nginx: Installed, folder: Path, config: Path) -> list[str]:
    return [*nginx.program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config)]


def nginx_proxy(nginx: Installed) -> Contestant:
    def server(port: int, upstream: int, buffering: str) -> str:
        return f"""
  upstream u{upstream} {{ server {HOST}:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen {HOST}:{port} backlog=1024;
    location = /health {{ return 200 "ok"; }}
    location / {{
      proxy_pass http://u{upstream};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering {buffering};
    }}
  }}"""

    @contextmanager
    def serve(folder: Path) -> Iterator[Serving]:
        servers = server(NGINX_PORT, PLAIN_UPSTREAM, "on") + server(NGINX_STREAM_PORT, STREAM_UPSTREAM, "off")
        command = nginx_command(nginx, folder, nginx_files(folder, servers))
        with _proxy(command, (NGINX_PORT, "/health"), folder, {}) as process:
            yield Serving(chat_at(NGINX_PORT, stream=False), chat_at(NGINX_STREAM_PORT, stream=True), process)

    return Contestant(
        "nginx", nginx.version, "a plain proxy, one worker, kept-alive upstream; no key, no limit, no record", serve
    )


# -- gateways of others ---------------------------------------------------------------------------------------------


def portkey(installed: Installed) -> Contestant:
    def headers(upstream: int) -> dict[str, str]:
        return {"x-portkey-provider": "openai", "x-portkey-custom-host": f"http://{HOST}:{upstream}/v1"}

    @contextmanager
    def serve(folder: Path) -> Iterator[Serving]:
        command = [*installed.program, f"--port={PORTKEY_PORT}", "--headless"]
        with _proxy(command, (PORTKEY_PORT, "/"), folder, {"NODE_ENV": "production"}) as process:
            plain = chat_at(PORTKEY_PORT, stream=False, headers=headers(PLAIN_UPSTREAM))
            yield Serving(plain, chat_at(PORTKEY_PORT, stream=True, headers=headers(STREAM_UPSTREAM)), process)

    return Contestant("portkey", installed.version, "routes by header; its open gateway has no keys or limits", serve)


def litellm(installed: Installed) -> Contestant:
    def model(name: str, upstream: int) -> dict[str, object]:
        prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
        base = f"http://{HOST}:{upstream}/v1"
        return {
            "model_name": name,
            "litellm_params": {"model": f"openai/{name}", "api_base": base, "api_key": "x"} | prices,
        }

    @contextmanager
    def serve(folder: Path) -> Iterator[Serving]:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "config.yaml"
        models = [model(PLAIN_MODEL, PLAIN_UPSTREAM), model(STREAM_MODEL, STREAM_UPSTREAM)]
        # JSON is YAML. One master key, because keys of its own with budgets want a PostgreSQL beside it.
        config.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": BENCH_KEY}}))
        command = [*installed.program, "--config", str(config), "--host", HOST, "--port", str(LITELLM_PORT)]
        env = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
        with _proxy([*command, "--num_workers", "1"], (LITELLM_PORT, "/health/liveliness"), folder, env) as process:
            yield Serving(chat_at(LITELLM_PORT, stream=False), chat_at(LITELLM_PORT, stream=True), process)

    return Contestant("litellm", installed.version, "one master key and prices; no database, so no budgets", serve)


def _proxy(
    command: list[str], ready: tuple[int, str], folder: Path, env: dict[str, str]
) -> AbstractContextManager[Running]:
    log = folder / "output.log"
    return running(command, core=proxy_core(), ready_url=ready, log=log, env=env, patience_s=120)


def all_contestants(only: frozenset[str]) -> tuple[list[Contestant], dict[str, Absent]]:
    """Those who can take part, in the order they are run, and those who cannot, with the reason."""
    from portico_peer import portico, prepare_portico

    makers: dict[str, tuple[Callable[[], Installed | Absent], Callable[[Installed], Contestant]]] = {
        "nginx": (prepare_nginx, nginx_proxy),
        "portico": (prepare_portico, portico),
        "portkey": (prepare_portkey, portkey),
        "litellm": (prepare_litellm, litellm),
    }
    found, absent = [direct()], dict[str, Absent]()
    for name, (prepare, make) in makers.items():
        ready = prepare() if not only or name in only else Absent("left out by --only")
        if isinstance(ready, Absent):
            absent[name] = ready
        else:
            found.append(make(ready))
    return found, absent
