"""An agent written with the official SDK, as a program of its own: `python echo_agent.py` prints its address.

What it is told decides what it does: `msg` answers without a task, `need` asks back, `long` works until it is cancelled,
`file` and `data` answer with those, anything else is echoed in two pieces.
"""

import asyncio
import socket

import httpx
import uvicorn
from a2a.helpers.proto_helpers import new_task_from_user_message, new_text_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import (
    BasePushNotificationSender,
    InMemoryPushNotificationConfigStore,
    InMemoryTaskStore,
    TaskUpdater,
)
from a2a.types.a2a_pb2 import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Part
from google.protobuf import struct_pb2
from starlette.applications import Starlette


class Echo(AgentExecutor):
    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        text = context.get_user_input()
        if text == "msg":
            await event_queue.enqueue_event(new_text_message("hello", context_id=context.context_id))
            return
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        if text == "need":
            await updater.requires_input(updater.new_agent_message([Part(text="which?")]))
            return
        if text == "long":
            await asyncio.sleep(600)
        for place, part in enumerate(parts := answer_to(text)):
            last = place == len(parts) - 1
            await updater.add_artifact([part], name="out", artifact_id="a1", append=place > 0, last_chunk=last)
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        await TaskUpdater(event_queue, str(context.task_id), str(context.context_id)).cancel()


def answer_to(text: str) -> list[Part]:
    if text == "file":
        return [
            Part(raw=b"\x00\x01\x02", media_type="image/png", filename="dot.png"),
            Part(url="http://files.example/a"),
        ]
    if text == "data":
        value = struct_pb2.Value()
        value.struct_value.update({"rows": [1, 2], "title": "Größe"})
        return [Part(data=value), Part(data=struct_pb2.Value(number_value=7))]
    return [Part(text=f"echo: {text}"), Part(text=" more")]


def card_of(url: str) -> AgentCard:
    return AgentCard(
        name="Echo",
        description="Says it again",
        version="1.0.0",
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        capabilities=AgentCapabilities(streaming=True, push_notifications=True),
        skills=[AgentSkill(id="echo", name="Echo", description="Says it again", tags=["talk"])],
        supported_interfaces=[
            AgentInterface(url=f"{url}/{path}", protocol_binding=binding, protocol_version=version)
            for version in ("1.0", "0.3")
            for path, binding in (("rpc", "JSONRPC"), ("rest", "HTTP+JSON"))
        ],
    )


def app_of(card: AgentCard) -> Starlette:
    pushes = InMemoryPushNotificationConfigStore()
    handler = DefaultRequestHandler(
        agent_executor=Echo(),
        task_store=InMemoryTaskStore(),
        agent_card=card,
        push_config_store=pushes,
        push_sender=BasePushNotificationSender(httpx.AsyncClient(), pushes),
    )
    rpc = create_jsonrpc_routes(handler, rpc_url="/rpc", enable_v0_3_compat=True)
    rest = create_rest_routes(handler, path_prefix="/rest", enable_v0_3_compat=True)
    return Starlette(routes=[*create_agent_card_routes(card), *rpc, *rest])


def main() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        print(url, flush=True)
        config = uvicorn.Config(app_of(card_of(url)), log_level="warning", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
