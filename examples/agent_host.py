"""What the sample agents share: a card, and a server with both bindings and both versions of A2A. No program of its own.

Needs `pip install "a2a-sdk[http-server]>=1.3" uvicorn`.
"""

import argparse
import json
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from a2a.helpers.proto_helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types.a2a_pb2 import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Part
from google.protobuf import json_format, struct_pb2
from starlette.applications import Starlette

# What was asked -> what to say to people, and the same for programs.
Work = Callable[[str], Awaitable[tuple[str, dict[str, Any]]]]


class Specialist(AgentExecutor):
    """One piece of work for each message: it says that it begins, hands out its findings, and ends."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        try:
            text, facts = await self._work(context.get_user_input())
        except (OSError, ValueError) as error:
            await updater.failed(updater.new_agent_message([Part(text=f"That did not work: {error}")]))
            return
        data = json_format.Parse(json.dumps(facts), struct_pb2.Value())
        await updater.add_artifact([Part(text=text), Part(data=data)], name="findings", last_chunk=True)
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        await TaskUpdater(event_queue, str(context.task_id), str(context.context_id)).cancel()


def card_of(name: str, description: str, skill: AgentSkill, url: str) -> AgentCard:
    return AgentCard(
        name=name,
        description=description,
        version="1.0.0",
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain", "application/json"],
        capabilities=AgentCapabilities(streaming=True),
        skills=[skill],
        supported_interfaces=[
            AgentInterface(url=f"{url}/{path}", protocol_binding=binding, protocol_version=version)
            for version in ("1.0", "0.3")
            for path, binding in (("rpc", "JSONRPC"), ("rest", "HTTP+JSON"))
        ],
    )


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    return parser


def serve(host: str, port: int, make_card: Callable[[str], AgentCard], work: Work) -> None:
    """Until told to stop; prints the address once it listens."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(64)
        url = f"http://{host}:{listener.getsockname()[1]}"
        card = make_card(url)
        handler = DefaultRequestHandler(
            agent_executor=Specialist(work), task_store=InMemoryTaskStore(), agent_card=card
        )
        rpc = create_jsonrpc_routes(handler, rpc_url="/rpc", enable_v0_3_compat=True)
        rest = create_rest_routes(handler, path_prefix="/rest", enable_v0_3_compat=True)
        app = Starlette(routes=[*create_agent_card_routes(card), *rpc, *rest])
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
        print(f"{card.name} on {url}", flush=True)
        # uvicorn ends in good order at the first signal and then raises it again, which would be an end of another kind.
        signal.signal(signal.SIGTERM, lambda *_: None)
        server.run(sockets=[listener])
