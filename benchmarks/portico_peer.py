"""Portico as a contestant: the installed program, set up through its own API, with every control on."""

from __future__ import annotations

import os
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from contestants import (
    HOST,
    PLAIN_MODEL,
    PLAIN_UPSTREAM,
    PORTICO_PORT,
    STREAM_MODEL,
    STREAM_UPSTREAM,
    Contestant,
    Serving,
    Target,
    chat_at,
)
from peers import Absent, Installed
from processes import DidNotStart, proxy_core, running

OWNER = "owner@bench.example"
SETUP_TIMEOUT_S = 60
TAKES_EFFECT_WITHIN_S = 20
STAGE_SAMPLES = 40
# Wide enough never to refuse, but looked up, reserved and settled on every call like any other.
LIMIT_PER_MINUTE = 10_000_000
BUDGET_MICROUSD = 10**12
PRICE = {"input_microusd_per_mtok": 1_000_000, "output_microusd_per_mtok": 2_000_000, "call_microusd": 0}


def prepare_portico() -> Installed | Absent:
    program = Path(sys.executable).with_name("portico")
    if not program.exists():
        return Absent("it is not installed beside this Python")
    said = subprocess.run([program, "version"], capture_output=True, text=True, timeout=30, check=False)
    if said.returncode != 0:
        return Absent("`portico version` fails: " + (said.stderr.strip().splitlines() or ["no reason given"])[-1][:200])
    return Installed((str(program),), said.stdout.strip().rpartition(" ")[2])


def portico(installed: Installed) -> Contestant:
    @contextmanager
    def serve(folder: Path) -> Iterator[Serving]:
        # Each round starts with an empty database, so that no round pays for the calls of another.
        shutil.rmtree(folder / "data", ignore_errors=True)
        (folder / "data").mkdir(parents=True)
        env = {
            "PORTICO_PORT": str(PORTICO_PORT),
            "PORTICO_DATA_DIR": str(folder / "data"),
            "PORTICO_SERVER_DRAIN_S": "3",
        }
        password = secrets.token_urlsafe(24)
        make_owner(installed, env, password)
        ready, log = (PORTICO_PORT, "/health"), folder / "output.log"
        command = [*installed.program, "serve"]
        with (
            running(command, core=proxy_core(), ready_url=ready, log=log, env=env, patience_s=60) as process,
            httpx2.Client(base_url=f"http://{HOST}:{PORTICO_PORT}", timeout=15) as client,
        ):
            sign_in(client, password)
            key = set_up(client)
            plain, streamed = (chat_at(PORTICO_PORT, stream=stream, key=key) for stream in (False, True))
            await_answer(client, plain)
            await_answer(client, streamed)
            yield Serving(plain, streamed, process, lambda: stage_medians(client))

    does = "key, rate limit, money budget reserved and settled, price, breaker, and a record of each call"
    return Contestant("portico", installed.version, does, serve)


def make_owner(installed: Installed, env: dict[str, str], password: str) -> None:
    command = [
        *installed.program,
        "setup",
        "--name",
        "Bench",
        "--slug",
        "bench",
        "--email",
        OWNER,
        "--owner",
        "Bench owner",
    ]
    full = {**os.environ, **env, "PORTICO_PASSWORD": password}
    done = subprocess.run(command, capture_output=True, text=True, env=full, timeout=SETUP_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise DidNotStart(f"`portico setup` failed: {done.stderr.strip()[-1000:]}")


def sign_in(client: httpx2.Client, password: str) -> None:
    signed_in = post(client, "/auth/sign-in", {"email": OWNER, "password": password})
    client.headers["authorization"] = f"Bearer {signed_in['access_token']}"


def set_up(client: httpx2.Client) -> str:
    """Two model services, and one key with a rate, a limit and a budget of its own. Returns the key's secret."""
    for name, upstream in ((PLAIN_MODEL, PLAIN_UPSTREAM), (STREAM_MODEL, STREAM_UPSTREAM)):
        service = {"name": name, "kind": "model", "url": f"http://{HOST}:{upstream}/v1", "models": [name]}
        post(client, "/services", service | {"price": PRICE, "max_output_tokens": 4096, "max_retries": 2})
    draft = {"name": "bench", "permissions": ["services.call"], "rate_limit_per_minute": LIMIT_PER_MINUTE}
    key = post(client, "/keys", draft)
    limit = {"name": "bench", "subject_kind": "key", "subject_id": key["id"], "rate": LIMIT_PER_MINUTE, "per_s": 60}
    post(client, "/limits", limit)
    budget = {
        "name": "bench",
        "subject_kind": "principal",
        "subject_id": key["id"],
        "measure": "money",
        "window": "day",
    }
    post(client, "/budgets", budget | {"limit": BUDGET_MICROUSD})
    return str(key["secret"])


def post(client: httpx2.Client, path: str, body: dict[str, object]) -> dict[str, Any]:
    answer = client.post(f"/api/v1{path}", json=body)
    if answer.status_code not in (200, 201):
        raise DidNotStart(f"POST {path} was answered with {answer.status_code}: {answer.text[:300]}")
    made: dict[str, Any] = answer.json()
    return made


def await_answer(client: httpx2.Client, target: Target) -> None:
    """Until the gateway knows what was just set up."""
    end = time.monotonic() + TAKES_EFFECT_WITHIN_S
    while True:
        answer = client.post(target.url, content=target.body, headers=target.headers)
        if answer.status_code == 200:
            return
        if time.monotonic() > end:
            raise DidNotStart(f"the gateway answers {answer.status_code}: {answer.text[:300]}")
        time.sleep(0.05)


def stage_medians(client: httpx2.Client) -> dict[str, float]:
    """Microseconds spent in each stage, medians of the last plain calls on record."""
    calls = client.get("/api/v1/calls", params={"service": PLAIN_MODEL, "page_size": STAGE_SAMPLES}).json()["items"]
    took: dict[str, list[float]] = {}
    for call in calls:
        for stage in client.get(f"/api/v1/calls/{call['id']}").json()["stages"]:
            took.setdefault(stage["name"], []).append(stage["took_us"])
    return {name: statistics.median(times) for name, times in took.items()}
