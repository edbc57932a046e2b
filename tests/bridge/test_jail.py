"""What a local server can reach is what was named, and nothing that is Portico's."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from portico.bridge import jail
from portico.platform.sections import ToolsSettings
from tests.bridge.yard import Yard, local, script


async def ask(yard: Yard, tool: str, **asked: Any) -> tuple[bool, str]:
    status, told = await yard.rpc("small", "tools/call", name=tool, arguments=asked)
    assert status == 200, told
    return told["result"]["isError"], told["result"]["content"][0]["text"]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside" / "private.txt"
    path.parent.mkdir()
    path.write_text("not for tools")
    return path


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    path = tmp_path / "allowed"
    path.mkdir()
    (path / "notes.txt").write_text("for tools")
    return path


@pytest.mark.req("HY19")
async def test_only_allowed_paths_can_be_read_and_written(yard: Yard, allowed: Path, outside: Path) -> None:
    await yard.open(small=script("small", allowed_paths=(str(allowed),)))
    assert await ask(yard, "read", path=str(allowed / "notes.txt")) == (False, "for tools")
    assert await ask(yard, "write", path=str(allowed / "new.txt")) == (False, "written")
    assert (allowed / "new.txt").read_text() == "written"
    for path in (outside, "/etc/shadow", "/root/.profile", allowed / ".." / "outside" / "private.txt"):
        assert await ask(yard, "read", path=str(path)) == (True, "Permission denied")
    for path in (outside, "/tmp/made-by-a-tool", outside.parent / "new.txt"):
        assert await ask(yard, "write", path=str(path)) == (True, "Permission denied")
    (allowed / "way-out").symlink_to(outside)
    assert await ask(yard, "read", path=str(allowed / "way-out")) == (True, "Permission denied")


async def test_a_server_without_allowed_paths_has_its_own_folder_alone(yard: Yard, outside: Path) -> None:
    await yard.open(small=script("small"))
    _, words = await ask(yard, "whoami")
    told = json.loads(words)
    assert await ask(yard, "write", path="mine.txt") == (False, "written")
    assert (Path(told["folder"]) / "mine.txt").read_text() == "written"
    assert await ask(yard, "read", path=str(outside)) == (True, "Permission denied")


async def test_nothing_of_porticos_own_is_within_reach(yard: Yard) -> None:
    house = await yard.open(small=script("small"))
    settings = house.gate.settings
    (settings.data_dir / "master.key").write_text("the key to everything")
    assert await ask(yard, "read", path=str(settings.data_dir.absolute() / "master.key")) == (True, "Permission denied")
    assert await ask(yard, "reach", path=str(settings.run_dir / "bridge.sock")) == (False, "Permission denied")
    assert await ask(yard, "read", path=f"/proc/{os.getpid()}/environ") == (True, "Permission denied")


async def test_the_environment_is_what_was_declared(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTICO_MASTER_KEY", "the key to everything")
    monkeypatch.setenv("ZONE", "Europe/Berlin")
    small = script("small", environment=(("TZ", "${ZONE}"), ("PLAIN", "as it stands")))
    await yard.open(small=small, tools=ToolsSettings(environment=["ZONE"]))
    _, words = await ask(yard, "whoami")
    environment = json.loads(words)["environment"]
    assert set(environment) - {"LC_CTYPE"} == {"PATH", "HOME", "TMPDIR", "LANG", "TZ", "PLAIN"}
    assert (environment["TZ"], environment["PLAIN"]) == ("Europe/Berlin", "as it stands")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"environment": (("TOKEN", "${NOWHERE}"),)}, "${NOWHERE} is not known"),
        ({"environment": (("TOKEN", "${HOME}"),)}, "${HOME} is not known"),
        ({"command": "no-such-program"}, "The program 'no-such-program' is not there"),
        ({"allowed_paths": ("/no/such/folder",)}, "does not exist"),
        ({"allowed_paths": ("/",)}, "Portico's own data"),
    ],
)
async def test_what_cannot_be_started_says_why(yard: Yard, change: dict[str, Any], says: str) -> None:
    await yard.open(small=script("small", **change))
    status, told = await yard.rpc("small", "tools/list")
    assert status == 503
    assert says in told["error"]["message"]
    assert yard.server("small").state == "failed"
    assert yard.family() == []


async def test_a_machine_that_cannot_enforce_paths_starts_no_server_that_names_some(
    yard: Yard, allowed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jail, "missing", lambda: "the kernel has no Landlock")
    await yard.open(small=script("small", allowed_paths=(str(allowed),)))
    status, told = await yard.rpc("small", "tools/list")
    assert status == 503
    assert "cannot enforce allowed_paths (the kernel has no Landlock)" in told["error"]["message"]


async def test_switched_off_on_the_installation_nothing_is_started(yard: Yard) -> None:
    await yard.open(small=script("small"), tools=ToolsSettings(local_servers="off"))
    status, told = await yard.rpc("small", "tools/list")
    assert status == 503
    assert "tools.local_servers" in told["error"]["message"]


async def test_a_published_server_works_on_its_allowed_folder_alone(yard: Yard, tmp_path: Path) -> None:
    for name in ("mine", "theirs"):
        subprocess.run([str(shutil.which("git")), "init", "-q", str(tmp_path / name)], check=True)
    command = str(Path(sys.executable).parent / "mcp-server-git")
    await yard.open(git=local(command, allowed_paths=(str(tmp_path / "mine"),)))
    async with yard.client("git") as client:
        good = await client.call_tool("git_status", {"repo_path": str(tmp_path / "mine")})
        assert not good.is_error, good
        bad = await client.call_tool("git_status", {"repo_path": str(tmp_path / "theirs")})
        assert bad.is_error
