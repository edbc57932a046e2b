"""What each client reads: where its configuration lies, and how a server of Portico stands in it. Pure; by their documentation."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

KEY_VARIABLE = "PORTICO_KEY"
_VSCODE_INPUT = "portico-key"


@dataclass(frozen=True)
class Wiring:
    """What is to be configured. `key` is None where a client asks for it or finds it in PORTICO_KEY."""

    base_url: str
    servers: tuple[str, ...]
    key: str | None
    model: str | None
    in_project: bool

    def url_of(self, server: str) -> str:
        return f"{self.base_url}/mcp/{server}"

    def bearer(self, reference: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key or reference}"}


@dataclass(frozen=True)
class Entry:
    """One value of a file: below the tables `where`, under `name`. In a list it is found by its `id`."""

    where: tuple[str, ...]
    name: str
    value: Any
    listed: bool = False


@dataclass(frozen=True)
class File:
    path: Path
    form: Literal["json", "toml"]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Client:
    """`label` is for people. `files` gives what to write; `servers_in` is where its MCP servers stand and how their address is
    called; `hints` is what is left to do."""

    label: str
    files: Callable[[Wiring], list[File]]
    server_table: str
    url_field: str = "url"
    headers_field: str = "headers"
    model_dialect: str = ""
    no_model: str = ""
    hints: Callable[[Wiring], list[str]] = field(default=lambda wiring: [])


def entry_name(server: str) -> str:
    """Names of tools begin with it, so it holds only what every client allows there."""
    return "portico-" + re.sub(r"[^A-Za-z0-9_-]", "-", server)


def _home() -> Path:
    return Path.home()


def _servers(wiring: Wiring, table: str, make: Callable[[str], Mapping[str, Any]]) -> tuple[Entry, ...]:
    return tuple(Entry((table,), entry_name(server), dict(make(server))) for server in wiring.servers)


# -- Claude Code --------------------------------------------------------------------------------------------------------


def _claude_code(wiring: Wiring) -> list[File]:
    def server(name: str) -> dict[str, Any]:
        headers = wiring.bearer("${%s}" % KEY_VARIABLE)  # noqa: UP031 - braces of theirs
        return {"type": "http", "url": wiring.url_of(name), "headers": headers}

    folder = os.environ.get("CLAUDE_CONFIG_DIR")
    state = (Path(folder) if folder else _home()) / ".claude.json"
    settings = (Path(folder) if folder else _home() / ".claude") / "settings.json"
    if wiring.in_project:
        state, settings = Path(".mcp.json"), Path(".claude/settings.json")
    files = [File(state, "json", _servers(wiring, "mcpServers", server))] if wiring.servers else []
    if wiring.model:
        values = {"ANTHROPIC_BASE_URL": wiring.base_url, "ANTHROPIC_MODEL": wiring.model}
        if wiring.key:
            values["ANTHROPIC_AUTH_TOKEN"] = wiring.key
        files.append(File(settings, "json", tuple(Entry(("env",), name, value) for name, value in values.items())))
    return files


def _claude_hints(wiring: Wiring) -> list[str]:
    if wiring.key:
        return []
    told = [f"Set {KEY_VARIABLE} before you start claude."]
    return [*told, f"Its model wants it too: export ANTHROPIC_AUTH_TOKEN=${KEY_VARIABLE}"] if wiring.model else told


# -- Cursor ---------------------------------------------------------------------------------------------------------------


def _cursor(wiring: Wiring) -> list[File]:
    path = Path(".cursor/mcp.json") if wiring.in_project else _home() / ".cursor" / "mcp.json"
    headers = wiring.bearer(f"${{env:{KEY_VARIABLE}}}")
    entries = _servers(wiring, "mcpServers", lambda name: {"url": wiring.url_of(name), "headers": headers})
    return [File(path, "json", entries)]


# -- Visual Studio Code ------------------------------------------------------------------------------------------------------


def _vscode(wiring: Wiring) -> list[File]:
    path = Path(".vscode/mcp.json") if wiring.in_project else _vscode_user_folder() / "mcp.json"
    headers = wiring.bearer(f"${{input:{_VSCODE_INPUT}}}")
    entries = _servers(wiring, "servers", lambda name: {"type": "http", "url": wiring.url_of(name), "headers": headers})
    if not wiring.key:
        asked = {"type": "promptString", "id": _VSCODE_INPUT, "description": "Portico key", "password": True}
        entries = (*entries, Entry(("inputs",), _VSCODE_INPUT, asked, listed=True))
    return [File(path, "json", entries)]


def _vscode_user_folder() -> Path:
    if sys.platform == "darwin":
        return _home() / "Library" / "Application Support" / "Code" / "User"
    settings = os.environ.get("XDG_CONFIG_HOME")
    return (Path(settings) if settings else _home() / ".config") / "Code" / "User"


# -- Codex ----------------------------------------------------------------------------------------------------------------------


def _codex(wiring: Wiring) -> list[File]:
    def server(name: str) -> dict[str, Any]:
        if wiring.key:
            return {"url": wiring.url_of(name), "http_headers": wiring.bearer("")}
        return {"url": wiring.url_of(name), "bearer_token_env_var": KEY_VARIABLE}

    folder = Path(os.environ.get("CODEX_HOME") or _home() / ".codex")
    path = (Path(".codex") if wiring.in_project else folder) / "config.toml"
    files = [File(path, "toml", _servers(wiring, "mcp_servers", server))] if wiring.servers else []
    if wiring.model:
        # A profile, beside the person's own choice of model; providers of a project are not read.
        provider = {
            "name": "Portico",
            "base_url": f"{wiring.base_url}/v1",
            "wire_api": "responses",
            "env_key": KEY_VARIABLE,
        }
        entries = (
            Entry((), "model", wiring.model),
            Entry((), "model_provider", "portico"),
            Entry(("model_providers",), "portico", provider),
        )
        files.append(File(folder / "portico.config.toml", "toml", entries))
    return files


def _codex_hints(wiring: Wiring) -> list[str]:
    told = [] if wiring.key and not wiring.model else [f"Set {KEY_VARIABLE} before you start codex."]
    if wiring.in_project and wiring.servers:
        told.append("Codex reads a project's configuration once you trust the project.")
    return [*told, "Start it with this model: codex --profile portico"] if wiring.model else told


# -- Gemini CLI -------------------------------------------------------------------------------------------------------------------


def _gemini(wiring: Wiring) -> list[File]:
    path = (Path(".gemini") if wiring.in_project else _home() / ".gemini") / "settings.json"
    headers = wiring.bearer(f"${KEY_VARIABLE}")
    entries = _servers(wiring, "mcpServers", lambda name: {"httpUrl": wiring.url_of(name), "headers": headers})
    return [File(path, "json", entries)]


def _set_the_key(program: str) -> Callable[[Wiring], list[str]]:
    return lambda wiring: [] if wiring.key else [f"Set {KEY_VARIABLE} before you start {program}."]


CLIENTS: dict[str, Client] = {
    "claude-code": Client("Claude Code", _claude_code, "mcpServers", model_dialect="messages", hints=_claude_hints),
    "cursor": Client(
        "Cursor",
        _cursor,
        "mcpServers",
        no_model="Cursor takes the address of models only in its settings: Models, Override OpenAI Base URL.",
        hints=_set_the_key("Cursor"),
    ),
    "vscode": Client(
        "VS Code",
        _vscode,
        "servers",
        no_model="VS Code takes models only in its own dialog: Chat, Manage Models.",
        hints=lambda wiring: [] if wiring.key else ["VS Code asks for the key when it first starts a server."],
    ),
    "codex": Client(
        "Codex", _codex, "mcp_servers", headers_field="http_headers", model_dialect="responses", hints=_codex_hints
    ),
    "gemini": Client(
        "Gemini CLI",
        _gemini,
        "mcpServers",
        url_field="httpUrl",
        no_model="Gemini CLI speaks only Google's own dialect to models, which Portico does not serve.",
        hints=_set_the_key("gemini"),
    ),
}
