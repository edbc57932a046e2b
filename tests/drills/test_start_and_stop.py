"""Starting, refusing to start, draining, and how fast a revoked key dies."""

import asyncio
import signal
import time
from pathlib import Path

import httpx2
import pytest

from tests.drills.test_kill import until
from tests.installation import Installation

pytestmark = pytest.mark.drill


@pytest.mark.req("SP20")
async def test_a_running_stream_is_finished_before_the_process_ends(
    installation: Installation, slow_model: str
) -> None:
    with installation.signed_in() as owner:
        owner.make("/services", name="model", kind="model", url=f"{slow_model}/v1", models=["extractive-summariser"])
        key = owner.make_key()
    ask = {
        "model": "extractive-summariser",
        "stream": True,
        "max_tokens": 40,
        "messages": [{"role": "user", "content": "Drain me gently, please. " * 20}],
    }
    lines: list[str] = []
    assert installation.process is not None
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=installation.url, headers=headers, timeout=30) as client:
        await until(lambda: client.get("/v1/models/extractive-summariser"))
        async with client.stream("POST", "/v1/chat/completions", json=ask) as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                if not lines:
                    installation.process.send_signal(signal.SIGTERM)
                lines.append(line)
    assert "data: [DONE]" in lines[-2:]
    assert await asyncio.to_thread(installation.process.wait, 30) == 0


@pytest.mark.req("SS6", "SP3")
async def test_a_revoked_key_dies_on_the_gateway_within_a_second(installation: Installation, inventory: str) -> None:
    with installation.signed_in() as owner:
        owner.make("/services", name="inventory", kind="http", url=inventory)
        made = owner.make("/keys", name="short-lived", permissions=["services.call"])
        async with httpx2.AsyncClient(
            base_url=installation.url, headers={"Authorization": f"Bearer {made['secret']}"}
        ) as client:
            await until(lambda: client.get("/svc/inventory/stock"))
            owner.make(f"/keys/{made['id']}/revoke")
            revoked_at = time.monotonic()
            while (await client.get("/svc/inventory/stock")).status_code != 401:
                assert time.monotonic() - revoked_at < 1.0, "the revoked key still worked after a second"
                await asyncio.sleep(0.01)


@pytest.mark.req("SP19", "HY15")
def test_production_refuses_insecure_settings_all_at_once(tmp_path: Path) -> None:
    insecure = Installation(tmp_path / "data", extra={"PORTICO_ENV": "production", "PORTICO_MASTER_KEY": ""})
    insecure.data_dir.mkdir()
    refused = insecure.run("serve", check=False)
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    for name in ("security.master_key", "metrics.key", "security.secure_cookies", "server.public_url"):
        assert name in said


@pytest.mark.req("SP20", "SP21")
def test_a_database_that_is_away_fails_closed_with_the_command_that_helps(tmp_path: Path) -> None:
    away = Installation(
        tmp_path / "data",
        database_url="postgresql://nobody@127.0.0.1:9/portico",
        extra={"PORTICO_SERVER_STARTUP_WAIT_S": "1"},
    )
    away.data_dir.mkdir()
    refused = away.run("serve", check=False)
    assert refused.returncode != 0
    assert "portico doctor" in refused.stdout + refused.stderr


def test_an_occupied_port_is_said_once_and_clearly(installation: Installation, tmp_path: Path) -> None:
    second = Installation(tmp_path / "second", port=installation.port)
    second.data_dir.mkdir()
    refused = second.run("serve", check=False)
    assert refused.returncode == 1
    assert "PORTICO_PORT" in refused.stderr


@pytest.mark.req("SP20")
def test_memory_of_an_idle_installation_stays_under_200_mb(installation: Installation) -> None:
    """Proportional set size, so that pages shared by our processes count once."""
    assert installation.process is not None
    roles = [installation.pid_of(role) for role in ("control", "gateway", "bridge")]
    pids = [installation.process.pid, *roles]
    total_kb = sum(_proportional_kb(pid) for pid in pids)
    assert total_kb < 200 * 1024


def _proportional_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError("no Pss")
