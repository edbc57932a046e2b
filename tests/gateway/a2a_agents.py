"""Agents as programs of their own, what a gateway knows of them, and the official client that talks to them through it."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
from a2a.client import A2ACardResolver, Client, ClientConfig, ClientFactory
from a2a.helpers.proto_helpers import new_text_message
from a2a.types.a2a_pb2 import Role, SendMessageConfiguration, SendMessageRequest

from portico.domains.agents.model import AgentEntry, InterfaceEntry, offered_card
from portico.domains.routing.model import ServiceEntry
from tests.gateway import house as terms
from tests.gateway.house import SECRET, House

ECHO = Path(__file__).parent / "echo_agent.py"
BOTH = (
    InterfaceEntry("JSONRPC", "1.0", "/rpc"),
    InterfaceEntry("JSONRPC", "0.3", "/rpc"),
    InterfaceEntry("HTTP+JSON", "1.0", "/rest"),
    InterfaceEntry("HTTP+JSON", "0.3", "/rest"),
)


@contextmanager
def echo_agent() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(ECHO)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def speaking(*spoken: tuple[str, str]) -> tuple[InterfaceEntry, ...]:
    return tuple(each for each in BOTH if (each.binding, each.version) in spoken)


def agent(
    url: str, *, interfaces: tuple[InterfaceEntry, ...] = BOTH, name: str = "echo", **changes: Any
) -> ServiceEntry:
    raw = {
        "name": "Echo",
        "description": "Says it again",
        "version": "1.0.0",
        "capabilities": {"streaming": True, "pushNotifications": True},
        "skills": [{"id": "echo", "name": "Echo", "description": "Says it again", "tags": ["talk"]}],
    }
    card = json.dumps(offered_card(raw, f"http://door/a2a/{name}")).encode()
    entry = AgentEntry(card, "e1", ("127.0.0.1",), interfaces, True)
    return terms.service(name, url, kind="agent", agent=entry, **changes)


@asynccontextmanager
async def client_of(
    house: House,
    *,
    binding: str = "JSONRPC",
    version: str = "1.0",
    streaming: bool = False,
    secret: str = SECRET,
    name: str = "echo",
) -> AsyncIterator[Client]:
    """The official client, which knows nothing of Portico but an address and a key."""
    address = f"http://127.0.0.1:{house.port}/a2a/{name}"
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=10) as http:
        card = await A2ACardResolver(http, address).get_agent_card()
        kept = [
            each
            for each in card.supported_interfaces
            if (each.protocol_binding, each.protocol_version) == (binding, version)
        ]
        assert len(kept) == 1, card
        del card.supported_interfaces[:]
        kept[0].url = address
        card.supported_interfaces.extend(kept)
        config = ClientConfig(httpx_client=http, streaming=streaming, supported_protocol_bindings=[binding])
        yield ClientFactory(config).create(card)


def saying(text: str, *, task_id: str = "", context_id: str = "", at_once: bool = False) -> SendMessageRequest:
    message = new_text_message(text, role=Role.ROLE_USER, task_id=task_id, context_id=context_id)
    return SendMessageRequest(message=message, configuration=SendMessageConfiguration(return_immediately=at_once))
