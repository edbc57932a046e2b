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

UP = [sys.executable, "-m", "portico", "up"]


def environment(folder: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PORTICO_")}
    return {**ours, "PORTICO_DATA_DIR": str(folder / "data"), "PORTICO_PORT": str(port), "HOME": str(folder)}


def up_until_stopped(environ: dict[str, str], output: Path) -> str:
    with output.open("wb") as file:
        running = subprocess.Popen(UP, env=environ, stdout=file, stderr=file)
    deadline = time.monotonic() + 180
    while b"Running;" not in output.read_bytes() and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0, output.read_text()
    return output.read_text()


def is_closed(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) != 0


@pytest.mark.drill
@pytest.mark.req("SP18", "SP20")
def test_up_shows_real_calls_stops_all_it_started_and_finds_its_data_again(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    first = up_until_stopped(environ, tmp_path / "out")
    logs = sorted((tmp_path / "data" / "logs").glob("sample-*.log"))
    ports = [environ["PORTICO_PORT"], *(path.read_text().rpartition(":")[2].strip() for path in logs)]
    assert [is_closed(port) for port in ports] == [True, True, True]

    again = subprocess.run([*UP, "--once"], env=environ, capture_output=True, text=True, timeout=180)
    assert again.returncode == 0, again.stdout + again.stderr
    for shown in (first, again.stdout):
        assert shown.count("as it should") == 7, shown
        assert "refused (RATE_LIMITED)" in shown
        assert "refused (BUDGET_EXHAUSTED)" in shown

    password = first.partition("shown only now: ")[2].split()[0]
    assert len(password) > 20
    assert "shown only now" not in again.stdout
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert OWNER_EMAIL.encode() in kept
    assert password.encode() not in kept
