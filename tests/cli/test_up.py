"""`portico up` as a newcomer runs it: the real processes, the real samples, real calls, twice on the same data."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from portico.cli.demo import OWNER_EMAIL


def environment(folder: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PORTICO_")}
    return {**ours, "PORTICO_DATA_DIR": str(folder / "data"), "PORTICO_PORT": str(port), "HOME": str(folder)}


def up_once(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "portico", "up", "--once"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=180)


@pytest.mark.drill
@pytest.mark.req("SP18", "SP20")
def test_up_shows_real_calls_and_finds_its_data_again(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    first, second = up_once(environ), up_once(environ)
    for run in (first, second):
        assert run.returncode == 0, run.stdout + run.stderr
        assert run.stdout.count("as it should") == 7
        assert "refused (RATE_LIMITED)" in run.stdout
        assert "refused (BUDGET_EXHAUSTED)" in run.stdout
    password = first.stdout.partition("shown only now: ")[2].split()[0]
    assert len(password) > 20
    assert "shown only now" not in second.stdout
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert password.encode() not in kept
    assert OWNER_EMAIL.encode() in kept


@pytest.mark.drill
@pytest.mark.req("SP20")
def test_up_stops_everything_it_started(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    output = tmp_path / "out"
    with output.open("wb") as file:
        running = subprocess.Popen([sys.executable, "-m", "portico", "up"], env=environ, stdout=file, stderr=file)
    deadline = time.monotonic() + 120
    while b"Running;" not in output.read_bytes() and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0, output.read_text()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(environ["PORTICO_PORT"])), timeout=2)
    samples = sorted((tmp_path / "data" / "logs").glob("sample-*.log"))
    ports = [path.read_text().rpartition(":")[2].strip() for path in samples]
    assert len(ports) == 2
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)), timeout=2)
