"""`portico connect` writes what each client reads, loses nothing of what was there, and makes one call through it."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portico.cli.clients import CLIENTS, Entry, File
from portico.cli.config_files import Unmergeable, merged, write
from tests.cli.conftest import Answer, Asked, Desk, Run, listing
from tests.drills.conftest import running
from tests.gateway.mcp_servers import sample_server
from tests.installation import Installation, sample

SECRET = "pk_9f3a1c2d_" + "s" * 43
SERVICES = listing({"name": "time", "models": []}, {"name": "files.main", "models": []})


def mcp(asked: Asked) -> Answer:
    """A server of the era of sessions, as far as its tools."""
    if asked.headers.get("authorization") != f"Bearer {SECRET}":
        return Answer(401, {"error": {"message": "no such key"}, "message": "no such key"})
    method, number = asked.body["method"], asked.body.get("id")
    if method == "initialize":
        result: Any = {"protocolVersion": "2025-11-25", "serverInfo": {"name": "clock", "version": "2"}}
        return Answer(200, {"jsonrpc": "2.0", "id": number, "result": result}, {"Mcp-Session-Id": "s1"})
    if method != "tools/list":
        return Answer(202, text=" ")
    assert asked.headers["mcp-session-id"] == "s1"
    body = json.dumps({"jsonrpc": "2.0", "id": number, "result": {"tools": [{"name": "now"}, {"name": "zone"}]}})
    return Answer(200, headers={"Content-Type": "text/event-stream"}, text=f"event: message\ndata: {body}\n\n")


@pytest.fixture
def org(desk: Desk) -> Desk:
    """An org with two tool servers."""
    desk.on("GET /api/v1/services", SERVICES)
    desk.on("POST /api/v1/keys", {"id": "key_1", "secret": SECRET}, status=201)
    desk.on("POST /api/v1/keys/key_1/revoke", {"id": "key_1"})
    for server in ("time", "files.main"):
        desk.answers[f"POST /mcp/{server}"] = mcp
        desk.on(f"DELETE /mcp/{server}", status=204)
    return desk


def made_keys(desk: Desk) -> list[dict[str, Any]]:
    return [asked.body for asked in desk.asked if (asked.method, asked.path) == ("POST", "/api/v1/keys")]


@pytest.mark.parametrize(
    ("client", "path", "table"),
    [
        ("claude-code", ".claude.json", "mcpServers"),
        ("cursor", ".cursor/mcp.json", "mcpServers"),
        ("vscode", ".config/Code/User/mcp.json", "servers"),
        ("gemini", ".gemini/settings.json", "mcpServers"),
        ("codex", ".codex/config.toml", "mcp_servers"),
    ],
)
def test_each_client_gets_its_servers_and_a_key_that_may_only_call_them(
    org: Desk, run: Run, tmp_path: Path, client: str, path: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    done = run("connect", client)
    assert done.exit_code == 0, done.output
    text = (tmp_path / path).read_text()
    found = (tomllib.loads(text) if path.endswith(".toml") else json.loads(text))[table]
    assert list(found) == ["portico-time", "portico-files-main"]
    assert f"{org.url}/mcp/files.main" in found["portico-files-main"].values()
    assert text.count(SECRET) == 2
    assert (tmp_path / path).stat().st_mode & 0o077 == 0
    [key] = made_keys(org)
    assert (key["permissions"], key["services"]) == (["services.call"], ["time", "files.main"])
    assert key["name"].startswith(f"{client} on ")
    assert "portico-time: clock 2 answered with 2 tools: now, zone" in done.stderr
    assert SECRET not in done.output


@pytest.mark.parametrize(
    ("client", "path", "reference"),
    [
        ("claude-code", ".mcp.json", "Bearer ${PORTICO_KEY}"),
        ("cursor", ".cursor/mcp.json", "Bearer ${env:PORTICO_KEY}"),
        ("vscode", ".vscode/mcp.json", "Bearer ${input:portico-key}"),
        ("gemini", ".gemini/settings.json", "Bearer $PORTICO_KEY"),
        ("codex", ".codex/config.toml", 'bearer_token_env_var = "PORTICO_KEY"'),
    ],
)
def test_a_projects_file_holds_no_key(
    org: Desk, run: Run, tmp_path: Path, client: str, path: str, reference: str
) -> None:
    done = run("connect", client, "--project", "--server", "time")
    assert done.exit_code == 0, done.output
    text = (tmp_path / path).read_text()
    assert reference in text
    assert SECRET not in text
    # The only thing on stdout, so that it can be put where it belongs.
    assert done.stdout == SECRET + "\n"


def test_only_showing_makes_no_key_and_no_file(org: Desk, run: Run, tmp_path: Path) -> None:
    shown = run("connect", "codex", "--print", "--model", "small")
    assert 'wire_api = "responses"' in shown.stdout
    assert made_keys(org) == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_replaced_is_asked_for_and_the_rest_is_kept(org: Desk, run: Run, tmp_path: Path) -> None:
    path = tmp_path / ".claude.json"
    before = {"numStartups": 7, "mcpServers": {"mine": {"command": "x"}, "portico-time": {"url": "elsewhere"}}}
    path.write_text(json.dumps(before, indent=4))
    refused = run("connect", "claude-code")
    assert (refused.exit_code, json.loads(path.read_text()), made_keys(org)) == (1, before, [])
    assert "portico-time in" in refused.stderr
    assert run("connect", "claude-code", "--yes").exit_code == 0
    after = json.loads(path.read_text())
    assert (after["numStartups"], after["mcpServers"]["mine"]) == (7, {"command": "x"})
    assert after["mcpServers"]["portico-time"]["url"] == f"{org.url}/mcp/time"
    assert path.read_text().startswith('{\n    "numStartups"')


def test_a_given_key_is_used_and_a_second_run_changes_nothing(org: Desk, run: Run, tmp_path: Path) -> None:
    assert run("connect", "cursor", "--key", "-", input=SECRET + "\n").exit_code == 0
    path = tmp_path / ".cursor" / "mcp.json"
    first = path.read_text()
    again = run("connect", "cursor", "--key", "-", "--yes", input=SECRET + "\n")
    assert (again.exit_code, path.read_text(), made_keys(org)) == (0, first, [])
    assert "Nothing to change" in again.stderr


@pytest.mark.parametrize(
    "content",
    ['{\n  // mine\n  "servers": {}\n}', '{"servers": {}, /* mine */ "inputs": []}', '{"a": 1, "a": 2}', "[]", "{"],
    ids=["line comment", "block comment", "twice", "list", "broken"],
)
def test_a_file_that_cannot_be_changed_without_loss_is_left_alone(
    org: Desk, run: Run, tmp_path: Path, content: str
) -> None:
    path = tmp_path / ".vscode" / "mcp.json"
    path.parent.mkdir()
    path.write_text(content)
    done = run("connect", "vscode", "--project", "--yes")
    assert (done.exit_code, path.read_text(), made_keys(org)) == (1, content, [])
    assert "--print shows" in done.stderr


def test_a_key_that_nobody_got_is_revoked(org: Desk, run: Run, tmp_path: Path) -> None:
    # Nothing can be made there, which shows only when it is tried.
    (tmp_path / ".cursor").symlink_to("/proc/no-such-folder")
    done = run("connect", "cursor")
    assert (done.exit_code, len(made_keys(org))) == (1, 1)
    assert ("POST", "/api/v1/keys/key_1/revoke") in [(asked.method, asked.path) for asked in org.asked]


def test_what_does_not_work_is_told_in_the_servers_words(org: Desk, run: Run) -> None:
    org.refuse("POST /mcp/time", 403, "SERVICE_NOT_ALLOWED", "The key may not call 'time'.")
    done = run("connect", "cursor", "--server", "time")
    assert done.exit_code == 1
    assert "The key may not call 'time'." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("emacs",), "there are: claude-code"),
        (("cursor", "--server", "tyme"), "there are: time, files.main"),
        (("cursor", "--model", "small"), "Override OpenAI Base URL"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_done(
    org: Desk, run: Run, arguments: tuple[str, ...], told: str
) -> None:
    done = run("connect", *arguments)
    assert (done.exit_code, made_keys(org)) == (2, [])
    assert told in done.stderr


# -- files ------------------------------------------------------------------------------------------------------------------

CODEX = """# my settings
model = "gpt"   # the one I like

[mcp_servers.portico-time]
url = "http://old/mcp/time"
args = [
  "[not a table]",
]

[mcp_servers.portico-time.http_headers]
Authorization = "Bearer pk_00000000_old"

# about the next one
[mcp_servers.mine]
command = "x"
"""


def test_a_table_of_toml_is_exchanged_and_comments_stay() -> None:
    entry = Entry(("mcp_servers",), "portico-time", {"url": "http://new", "http_headers": {"A": 'x "y"'}})
    found = merged(CODEX, File(Path("config.toml"), "toml", (entry,)))
    assert found.replaced == ("portico-time",)
    assert tomllib.loads(found.text)["mcp_servers"]["portico-time"] == entry.value
    for kept in ("# my settings", "# the one I like", "# about the next one\n[mcp_servers.mine]"):
        assert kept in found.text
    assert merged(found.text, File(Path("config.toml"), "toml", (entry,))).unchanged


def test_toml_that_is_laid_out_otherwise_is_refused() -> None:
    entry = Entry(("mcp_servers",), "portico-time", {"url": "http://new"})
    with pytest.raises(Unmergeable, match=r"changed safely|not valid TOML"):
        merged('mcp_servers = { portico-time = { url = "http://old" } }\n', File(Path("c.toml"), "toml", (entry,)))


def test_a_value_at_the_top_of_toml_comes_before_the_tables() -> None:
    file = File(Path("c.toml"), "toml", (Entry((), "model", "small"), Entry((), "model_provider", "portico")))
    assert tomllib.loads(merged("[tui]\nx = 1\n", file).text) == {
        "tui": {"x": 1},
        "model": "small",
        "model_provider": "portico",
    }


def test_a_file_that_changed_meanwhile_is_not_overwritten_and_a_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("{}")
    link.symlink_to(real)
    write(link, '{"a": 1}', expected="{}", secret=True)
    assert (link.is_symlink(), real.read_text(), real.stat().st_mode & 0o777) == (True, '{"a": 1}', 0o600)
    with pytest.raises(Unmergeable, match="in the meantime"):
        write(link, "{}", expected="{}", secret=False)
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


# -- with real servers ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    yield from running(Installation(tmp_path_factory.mktemp("connect") / "data"))


def test_tools_and_models_of_a_running_portico_are_reached_as_configured(
    installation: Installation, run: Run, tmp_path: Path
) -> None:
    with sample_server() as tools, sample("model_server.py") as model, installation.signed_in() as owner:
        owner.make("/services", name="time", kind="tools", url=tools)
        owner.make("/services", name="model", kind="model", url=f"{model}/v1", models=["extractive-summariser"])
        made = owner.make("/keys", name="mine", permissions=["services.read", "services.call", "keys.manage"])
        at = ("--url", installation.url)
        for client in ("claude-code", "codex"):
            done = run(*at, "connect", client, "--model", "extractive-summariser", "--yes", key=made["secret"])
            assert done.exit_code == 0, done.output
            assert "answered with 5 tools: now, convert" in done.stderr
            assert "extractive-summariser: answered 'Say hello.'" in done.stderr
        settings = json.loads((tmp_path / ".claude" / "settings.json").read_text())["env"]
        assert settings["ANTHROPIC_BASE_URL"] == installation.url
        keys = {each["name"].split()[0] for each in owner.get("/keys")["items"]}
        assert set(CLIENTS) & keys == {"claude-code", "codex"}
