"""Commands that work on the installation itself: logs, doctor, the children of `portico up`, generated documents."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from portico.cli import doctor
from portico.cli.children import Child
from portico.cli.demo import Keepsake, Kept
from portico.cli.failures import CommandFailed
from portico.platform.settings import load_settings
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]


def settings_in(folder: Path, **more: str):
    return load_settings({"PORTICO_DATA_DIR": str(folder), **more}).settings


@pytest.fixture
def log_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PORTICO_DATA_DIR", str(tmp_path / "data"))
    folder = tmp_path / "data" / "logs"
    folder.mkdir(parents=True)
    return folder


def line(at: str, level: str, event: str) -> str:
    return json.dumps({"timestamp": at, "level": level, "event": event}) + "\n"


def test_logs_of_all_processes_come_in_the_order_of_their_times(run: Run, log_folder: Path) -> None:
    (log_folder / "gateway.log").write_text(
        line("2026-01-01T00:00:01", "info", "one") + line("2026-01-01T00:00:03", "info", "three")
    )
    (log_folder / "control.log").write_text(line("2026-01-01T00:00:02", "info", "two"))
    result = run("logs")
    assert [json.loads(each)["event"] for each in result.stdout.splitlines()] == ["one", "two", "three"]


def test_logs_are_narrowed_by_level_and_text_and_keep_tracebacks(run: Run, log_folder: Path) -> None:
    text = line("1", "info", "breaker closed") + line("2", "error", "breaker open") + "Traceback: breaker\n"
    (log_folder / "gateway.log").write_text(text + line("3", "error", "other"))
    result = run("logs", "--level", "warning", "--search", "BREAKER")
    assert result.stdout.splitlines() == [line("2", "error", "breaker open").strip(), "Traceback: breaker"]


def test_logs_of_no_installation_say_where_they_looked(run: Run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PORTICO_DATA_DIR", str(tmp_path / "nowhere"))
    result = run("logs")
    assert result.exit_code == 1
    assert "nowhere" in result.stderr


def test_doctor_finds_a_port_that_another_program_uses(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = doctor.check_port(settings_in(tmp_path, PORTICO_PORT=str(other.getsockname()[1])))
    assert found.result == "problem"
    assert "PORTICO_PORT" in found.next_step


def test_doctor_finds_a_master_key_that_others_can_read(tmp_path: Path) -> None:
    key = tmp_path / "master.key"
    key.write_text("x")
    key.chmod(0o644)
    assert doctor.check_master_key(settings_in(tmp_path)).result == "problem"
    key.chmod(0o600)
    assert doctor.check_master_key(settings_in(tmp_path)).result == "ok"


def test_doctor_names_a_database_that_does_not_answer_without_its_password(tmp_path: Path) -> None:
    found = doctor.check_database(settings_in(tmp_path, PORTICO_DATABASE_URL="postgresql://u:geheim@127.0.0.1:1/x"))
    assert found.result == "problem"
    assert "geheim" not in found.found + found.next_step


def test_doctor_lists_wrong_settings_and_exits_with_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTICO_ENV", "production")
    result = run("doctor", "--json")
    assert result.exit_code == 1
    findings = {finding["check"]: finding for finding in json.loads(result.stdout)["items"]}
    assert "PORTICO_MASTER_KEY" in findings["settings"]["found"]


def test_a_child_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    child = Child("Sample", ["-c", "import sys; sys.exit('the port is taken')"], tmp_path / "child.log")
    child.start()
    with pytest.raises(CommandFailed, match="the port is taken"):
        child.wait_for_address(10)


@pytest.mark.req("SP20")
def test_a_child_that_does_not_end_when_asked_is_made_to(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('http://127.0.0.1:1', flush=True); time.sleep(60)"
    child = Child("Sample", ["-c", deaf], tmp_path / "child.log")
    child.start()
    assert child.wait_for_address(10) == "http://127.0.0.1:1"
    assert child.stop(0.1) == -9


def test_the_demo_keys_are_kept_sealed_and_private(tmp_path: Path) -> None:
    keepsake = Keepsake(settings_in(tmp_path))
    keepsake.save(Kept(setup="pk_12345678_secret"))
    path = tmp_path / "demo.sealed"
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"pk_12345678" not in path.read_bytes()
    assert keepsake.load().setup == "pk_12345678_secret"
    (tmp_path / "master.key").unlink()
    assert Keepsake(settings_in(tmp_path)).load() == Kept()


@pytest.mark.req("SP28")
def test_the_generated_documents_are_current() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "scripts.generated", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
