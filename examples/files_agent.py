"""A specialist: what a project's folder holds, by kind of file. It reads the one folder that it was started with, and no other.

python examples/files_agent.py --folder . --port 18091
"""

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

from a2a.types.a2a_pb2 import AgentSkill
from agent_host import arguments, card_of, serve

MOST_FILES = 20_000
MOST_BYTES = 1024 * 1024
LEFT_OUT = frozenset({".git", ".venv", "node_modules", "__pycache__", "build", "dist"})
SKILL = AgentSkill(
    id="project-files",
    name="Project files",
    description="Counts files and lines of a project, by kind",
    tags=["project", "size"],
    examples=["How large is the project?"],
)


def count(folder: Path) -> dict[str, Any]:
    """Files and lines by suffix; what is too large or no text counts as a file without lines."""
    files, lines, seen = Counter[str](), Counter[str](), 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        for name in names:
            seen += 1
            if seen > MOST_FILES:
                return {"project": folder.name, "files": dict(files), "lines": dict(lines), "complete": False}
            path = Path(place, name)
            suffix = path.suffix.lower() or "none"
            files[suffix] += 1
            lines[suffix] += lines_of(path)
    return {"project": folder.name, "files": dict(files), "lines": dict(lines), "complete": True}


def lines_of(path: Path) -> int:
    try:
        if path.is_symlink() or path.stat().st_size > MOST_BYTES:
            return 0
        content = path.read_bytes()
    except OSError:
        return 0
    return 0 if b"\0" in content else content.count(b"\n")


def main() -> None:
    parser = arguments("What a project's folder holds")
    parser.add_argument("--folder", type=Path, default=Path.cwd())
    given = parser.parse_args()
    folder = given.folder.resolve()

    async def work(_asked: str) -> tuple[str, dict[str, Any]]:
        found = await asyncio.to_thread(count, folder)
        files, lines = sum(found["files"].values()), sum(found["lines"].values())
        return f"{folder.name} has {files:,} files with {lines:,} lines of text.", found

    serve(given.host, given.port, lambda url: card_of("Files", "Knows what a project's folder holds", SKILL, url), work)


if __name__ == "__main__":
    main()
