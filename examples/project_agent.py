"""A gateway agent: "show me the project" asks the specialists at once, through Portico, and composes widgets of what they say.

PORTICO_KEY=pk_... python examples/project_agent.py --portico http://127.0.0.1:8009 --port 18093

It knows no specialist by address: for each capability it asks the mesh who can do it. One that does not answer in time is left
out, and said to be.
"""

import asyncio
import os
from typing import Any

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.helpers.proto_helpers import new_text_message
from a2a.types.a2a_pb2 import AgentSkill, Role, SendMessageRequest
from agent_host import arguments, card_of, serve
from google.protobuf import json_format

ANSWER_S = 5.0
CAPABILITIES = ("project-files", "project-history")
SKILL = AgentSkill(
    id="project-overview",
    name="Project overview",
    description="Shows a project at a glance, with widgets for a dashboard",
    tags=["project", "dashboard"],
    examples=["Show me the project"],
)


async def ask(http: httpx.AsyncClient, portico: str, capability: str, question: str) -> dict[str, Any]:
    """What the specialist found out; raises for one that is not there or does not answer."""
    routed = await http.post(f"{portico}/api/v1/mesh/route", json={"capability": capability})
    routed.raise_for_status()
    card = await A2ACardResolver(http, routed.json()["url"]).get_agent_card()
    client = ClientFactory(ClientConfig(httpx_client=http, streaming=False)).create(card)
    request = SendMessageRequest(message=new_text_message(question, role=Role.ROLE_USER))
    async for event in client.send_message(request):
        for artifact in event.task.artifacts:
            for part in artifact.parts:
                if part.HasField("data"):
                    found: dict[str, Any] = json_format.MessageToDict(part.data)
                    return found
    raise ValueError("it found nothing")


async def ask_in_time(http: httpx.AsyncClient, portico: str, capability: str, question: str) -> dict[str, Any]:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await ask(http, portico, capability, question)
    except TimeoutError:
        return {"missing": f"{capability} did not answer within {ANSWER_S:g} s"}
    except Exception as error:  # noqa: BLE001  (whatever one specialist does, the others' findings are shown)
        return {"missing": f"{capability}: {str(error)[:200]}"}


def widgets(files: dict[str, Any], history: dict[str, Any]) -> list[dict[str, Any]]:
    """In the shape in which dashboards take proposals."""
    made: list[dict[str, Any]] = []
    if "lines" in files:
        largest = sorted(files["lines"].items(), key=lambda each: -each[1])[:6]
        metrics = [{"name": f"lines of {suffix}", "value": lines} for suffix, lines in largest]
        made.append({"type": "Metrics", "title": "Size", "options": {"data": {"metrics": metrics}}})
    if "latest" in history:
        tasks = [
            {"id": each["id"], "title": each["title"] or each["id"], "status": "done"} for each in history["latest"]
        ]
        made.append({"type": "TaskList", "title": "Latest changes", "options": {"data": {"tasks": tasks}}})
    missing = [each["missing"] for each in (files, history) if "missing" in each]
    if missing:
        alerts = [{"id": f"m{place}", "severity": "warning", "title": text[:120]} for place, text in enumerate(missing)]
        made.append({"type": "Alert", "title": "What is missing", "options": {"data": {"alerts": alerts}}})
    return made


def main() -> None:
    parser = arguments("A project at a glance")
    parser.add_argument("--portico", default="http://127.0.0.1:8009")
    given = parser.parse_args()
    headers = {"Authorization": f"Bearer {os.environ['PORTICO_KEY']}"}

    async def work(asked: str) -> tuple[str, dict[str, Any]]:
        async with httpx.AsyncClient(headers=headers, timeout=ANSWER_S) as http:
            files, history = await asyncio.gather(
                *(ask_in_time(http, given.portico, capability, asked) for capability in CAPABILITIES)
            )
        made = widgets(files, history)
        answered = sum("missing" not in each for each in (files, history))
        return f"{answered} of {len(CAPABILITIES)} specialists answered.", {"title": "The project", "widgets": made}

    serve(given.host, given.port, lambda url: card_of("Project", "Shows a project at a glance", SKILL, url), work)


if __name__ == "__main__":
    main()
