"""The documents speak of what exists: links lead somewhere, commands and their options are real, settings have these names."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from portico.cli.main import app
from portico.domains.tenancy.model import PERMISSIONS
from portico.platform.settings import SettingsInvalid, load_settings

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
# The picture of the first page is taken from a running installation.
NOT_TEXT = {"docs/images/home.png"}
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pages
@pytest.mark.req("SP28")
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    lost = [link for link in links if link and link not in NOT_TEXT and not (page.parent / link).exists()]
    assert lost == []


def commands_in(text: str) -> Iterator[list[str]]:
    """Every `portico ...` in code, with continued lines joined and substitutions and comments taken out."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, flags=re.DOTALL) + re.findall(r"`(portico [^`]+)`", text)
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            found = re.search(r"(?:^|[\s(/])portico ((?:--)?[a-z][^)|]*)", line)
            if found and not line.startswith((" ", "{", '"')):
                yield shlex.split(found[1].partition(" #")[0].partition(" && ")[0].replace("...", "x"))


def problem_with(words: list[str]) -> str | None:
    command: Any = get_command(app)
    rest = list(words)
    while getattr(command, "commands", None) is not None:
        if rest and rest[0] in command.commands:
            command = command.commands[rest.pop(0)]
        elif command.name == "call" and rest:
            command = command.commands["invoke"]
        else:
            # Prose speaks of a whole group (`portico calls`), or of options of the program itself.
            return None if not rest or rest[0].startswith("-") else f"no command {' '.join(words)!r}"
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
    unknown = [word for word in rest if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known]
    return f"{' '.join(words)!r} has no option {unknown}" if unknown else None


@pages
@pytest.mark.req("SP18", "SP28")
def test_commands_and_their_options_exist(page: Path) -> None:
    problems = [problem for words in commands_in(page.read_text()) if (problem := problem_with(words))]
    assert problems == []


@pages
@pytest.mark.req("SP19", "SP28")
def test_settings_have_these_names(page: Path, tmp_path: Path) -> None:
    names = {each.name for each in load_settings({}, None).effective}
    sections = {name.partition(".")[0] for name in names if "." in name}
    spoken = set(re.findall(rf"`((?:{'|'.join(sections)})\.[a-z_]+)`", page.read_text()))
    # Permissions are written the same way, and some rooms have both.
    assert {name for name in spoken - names - set(PERMISSIONS) if not name.endswith((".py", ".md"))} == set()
    variables = set(re.findall(r"\b(PORTICO_[A-Z_]+)=", page.read_text()))
    example = dict.fromkeys(variables, "x")
    try:
        load_settings(example)
        unknown = []
    except SettingsInvalid as invalid:
        unknown = [problem for problem in invalid.problems if "is not a setting" in problem]
    assert unknown == []


def test_the_search_for_commands_finds_them_and_notices_wrong_ones() -> None:
    text = "```\nexport K=$(.venv/bin/portico keys add first)\nportico keys list --colour   # no\n```\n`portico fly`"
    found = list(commands_in(text))
    assert found == [["keys", "add", "first"], ["keys", "list", "--colour"], ["fly"]]
    assert [bool(problem_with(words)) for words in found] == [False, True, True]
