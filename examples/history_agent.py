"""A specialist: who changed a project lately, and how much, as its git repository tells it.

python examples/history_agent.py --folder . --port 18092
"""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from a2a.types.a2a_pb2 import AgentSkill
from agent_host import arguments, card_of, serve

MOST_COMMITS = 200
TIMEOUT_S = 20
SKILL = AgentSkill(
    id="project-history",
    name="Project history",
    description="Tells the latest changes of a project, and by whom",
    tags=["project", "activity"],
    examples=["What happened in the project lately?"],
)


async def log(folder: Path) -> list[list[str]]:
    """Of each of the latest commits: its short id, author, day and subject."""
    asked = ("git", "-C", str(folder), "log", f"-{MOST_COMMITS}", "--date=short", "--format=%h%x1f%an%x1f%ad%x1f%s")
    process = await asyncio.create_subprocess_exec(
        *asked, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            told, problem = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise ValueError("git took too long") from None
    if process.returncode:
        raise ValueError(problem.decode(errors="replace").strip()[:200])
    return [line.split("\x1f") for line in told.decode(errors="replace").splitlines()]


def main() -> None:
    parser = arguments("Who changed a project lately")
    parser.add_argument("--folder", type=Path, default=Path.cwd())
    given = parser.parse_args()
    folder = given.folder.resolve()

    async def work(_asked: str) -> tuple[str, dict[str, Any]]:
        commits = await log(folder)
        people = Counter(author for _, author, _, _ in commits)
        latest = [{"id": each[0], "author": each[1], "day": each[2], "title": each[3][:120]} for each in commits[:10]]
        facts = {"commits": len(commits), "people": dict(people.most_common(10)), "latest": latest}
        newest = f"; the latest is {commits[0][3]!r}" if commits else ""
        return f"{len(commits)} recent changes by {len(people)} people{newest}.", facts

    serve(given.host, given.port, lambda url: card_of("History", "Knows who changed a project", SKILL, url), work)


if __name__ == "__main__":
    main()
