"""Agents in a whole installation: registered by the API, called by the official client, killed and started again."""

import asyncio
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from a2a.client import A2ACardResolver, Client, ClientConfig, ClientFactory
from a2a.types.a2a_pb2 import (
    AuthenticationInfo,
    CancelTaskRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTasksRequest,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import TaskNotFoundError
from google.protobuf import json_format

from tests.gateway.a2a_agents import echo_agent, saying
from tests.installation import EXAMPLES, Installation, Owner

CALLS_S = 15.0


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(tmp_path_factory.mktemp("agents") / "data")
    made.data_dir.mkdir()
    made.prepare().start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with echo_agent() as url:
        yield url


class Registered:
    """An agent behind the installation, with two keys that may call it."""

    def __init__(self, installation: Installation, owner: Owner, name: str) -> None:
        self.installation, self.owner, self.name = installation, owner, name
        self.mine, self.theirs = owner.make_key(f"{name}-mine"), owner.make_key(f"{name}-theirs")

    @property
    def url(self) -> str:
        return f"{self.installation.url}/a2a/{self.name}"

    async def client(
        self, http: httpx.AsyncClient, secret: str, *, version: str = "1.0", streaming: bool = False
    ) -> Client:
        http.headers["Authorization"] = f"Bearer {secret}"
        card = await A2ACardResolver(http, self.url).get_agent_card()
        kept = [
            each
            for each in card.supported_interfaces
            if (each.protocol_binding, each.protocol_version) == ("JSONRPC", version)
        ]
        del card.supported_interfaces[:]
        card.supported_interfaces.extend(kept)
        return ClientFactory(ClientConfig(httpx_client=http, streaming=streaming)).create(card)


def register(installation: Installation, owner: Owner, url: str, name: str) -> Registered:
    made = owner.make("/agents", url=url, name=name)
    assert made["skills"][0]["id"] == "echo"
    registered = Registered(installation, owner, name)
    wait_until_served(registered)
    return registered


def wait_until_served(registered: Registered) -> None:
    """A new key and a new agent are there once the gateway has the snapshot with them."""

    def served() -> bool:
        headers = {"Authorization": f"Bearer {registered.theirs}"}
        return (
            httpx2.get(f"{registered.url}/.well-known/agent-card.json", headers=headers, timeout=5).status_code == 200
        )

    registered.owner.wait_for(served, "the agent behind the door", CALLS_S)


@pytest.mark.req("HY1", "HY2", "N9")
async def test_a_task_outlives_everything_that_is_killed(installation: Installation, tmp_path: Path) -> None:
    with echo_agent() as url:
        with installation.signed_in() as owner:
            agent = register(installation, owner, url, "outlives")
            async with httpx.AsyncClient(timeout=10) as http:
                client = await agent.client(http, agent.mine)
                [made] = [event async for event in client.send_message(saying("need"))]
            task = made.task
            async with httpx.AsyncClient(timeout=10) as another:
                client = await agent.client(another, agent.mine, streaming=True)
                stream = client.send_message(saying("long"))
                running = (await anext(stream)).task
                # In the middle of the stream.
                installation.kill_everything()
                await stream.aclose()
        installation.start()
        async with httpx.AsyncClient(timeout=10) as http:
            client = await agent.client(http, agent.mine)
            found = await client.get_task(GetTaskRequest(id=task.id))
            assert found.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
            ended = await client.cancel_task(CancelTaskRequest(id=running.id))
            assert ended.status.state == TaskState.TASK_STATE_CANCELED
        async with httpx.AsyncClient(timeout=10) as http:
            stranger = await agent.client(http, agent.theirs)
            with pytest.raises(TaskNotFoundError):
                await stranger.get_task(GetTaskRequest(id=task.id))
            assert list((await stranger.list_tasks(ListTasksRequest())).tasks) == []
    # The agent is gone; what passed through is still known.
    with installation.signed_in() as owner:
        kept = owner.get(f"/agents/outlives/tasks/{task.id}")
        assert kept["state"] == "TASK_STATE_INPUT_REQUIRED"
        assert kept["task"]["status"]["message"]["parts"][0]["text"] == "which?"
    async with httpx.AsyncClient(timeout=10) as http:
        client = await agent.client(http, agent.mine)
        listed = {each.id: each.status.state for each in (await client.list_tasks(ListTasksRequest())).tasks}
        assert listed == {
            task.id: TaskState.TASK_STATE_INPUT_REQUIRED,
            running.id: TaskState.TASK_STATE_CANCELED,
        }


class Receiver:
    """Where a client wants to be told: keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.more = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, json.loads(body)))
                receiver.more.set()
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/told"

    def wait_for(self, wanted: Any) -> tuple[dict[str, str], dict[str, Any]]:
        for _ in range(100):
            for each in list(self.got):
                if wanted(each[1]):
                    return each
            self.more.wait(0.1)
            self.more.clear()
        raise AssertionError(f"it was not told: {[body for _, body in self.got]}")


@contextmanager
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join(5)


@pytest.mark.req("N9", "HY1")
async def test_notifications_reach_the_client_with_its_own_credentials(installation: Installation, echo: str) -> None:
    with installation.signed_in() as owner, receiver() as told:
        agent = register(installation, owner, echo, "telling")
        async with httpx.AsyncClient(timeout=10) as http:
            client = await agent.client(http, agent.mine)
            [made] = [event async for event in client.send_message(saying("need"))]
            config = TaskPushNotificationConfig(
                task_id=made.task.id,
                id="mine",
                url=told.url,
                token="for-me",
                authentication=AuthenticationInfo(scheme="Bearer", credentials="client-secret"),
            )
            shown = await client.create_task_push_notification_config(config)
            assert (shown.url, shown.authentication.credentials) == (told.url, "")
            asked = GetTaskPushNotificationConfigRequest(task_id=made.task.id, id="mine")
            found = await client.get_task_push_notification_config(asked)
            assert (found.id, found.url, found.authentication.credentials) == ("mine", told.url, "")
            again = saying("this", task_id=made.task.id, context_id=made.task.context_id)
            [_] = [event async for event in client.send_message(again)]
        done = lambda body: body.get("statusUpdate", {}).get("status", {}).get("state") == "TASK_STATE_COMPLETED"  # noqa: E731
        headers, _body = await asyncio.to_thread(told.wait_for, done)
        assert headers["authorization"] == "Bearer client-secret"
        assert headers["x-a2a-notification-token"] == "for-me"
        refused = TaskPushNotificationConfig(task_id=made.task.id, url="http://169.254.169.254/latest")
        async with httpx.AsyncClient(timeout=10) as http:
            client = await agent.client(http, agent.mine)
            with pytest.raises(Exception, match="metadata address"):
                await client.create_task_push_notification_config(refused)


@pytest.mark.req("N9")
async def test_a_client_of_the_older_version_is_told_in_its_own_words(installation: Installation, echo: str) -> None:
    with installation.signed_in() as owner, receiver() as told:
        agent = register(installation, owner, echo, "older")
        async with httpx.AsyncClient(timeout=10) as http:
            client = await agent.client(http, agent.mine, version="0.3")
            asked = saying("hi")
            asked.configuration.task_push_notification_config.CopyFrom(
                TaskPushNotificationConfig(id="mine", url=told.url, token="for-me")
            )
            [made] = [event async for event in client.send_message(asked)]
        done = lambda body: body.get("status", {}).get("state") == "completed"  # noqa: E731
        headers, body = await asyncio.to_thread(told.wait_for, done)
        assert headers["x-a2a-notification-token"] == "for-me"
        assert (body["kind"], body["id"]) == ("task", made.task.id)
        assert [part["text"] for part in body["artifacts"][0]["parts"]] == ["echo: hi", " more"]


@pytest.mark.req("HY2", "HY4")
def test_the_mesh_says_who_takes_a_task_and_why(installation: Installation, echo: str) -> None:
    with installation.signed_in() as owner:
        register(installation, owner, echo, "first")
        register(installation, owner, echo, "second")

        def both_healthy() -> bool:
            known = {each["name"]: each["health"] for each in owner.get("/mesh/status")["agents"]}
            return known.get("first") == known.get("second") == "healthy"

        owner.wait_for(both_healthy, "both agents healthy", CALLS_S)
        chosen = {owner.make("/mesh/route", capability="talk")["agent"] for _ in range(6)}
        assert {"first", "second"} <= chosen
        routed = owner.make("/mesh/route", capability="echo", policy="least_connections")
        assert "fewest open calls" in routed["why"]
        none = owner.client.post("/mesh/route", json={"capability": "sailing"})
        assert (none.status_code, none.json()["code"]) == (503, "NO_ENDPOINT")
        listed = owner.get("/agents", capability="talk", health="healthy")["items"]
        assert {"first", "second"} <= {each["name"] for each in listed}


@contextmanager
def sample_agent(program: str, *arguments: str, **environment: str) -> Iterator[str]:
    command = [sys.executable, str(EXAMPLES / program), *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **environment}
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def repository(folder: Path) -> str:
    """A project with one change."""
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@project.example")
    for asked in (("init", "-q"), (*who, "commit", "-q", "--allow-empty", "-m", "Begin")):
        subprocess.run(["git", "-C", str(folder), *asked], check=True, timeout=20)
    return str(folder)


@pytest.mark.req("HY1")
async def test_a_gateway_agent_asks_specialists_through_the_mesh_and_composes_a_dashboard(
    installation: Installation, tmp_path: Path
) -> None:
    folder = repository(tmp_path)
    with installation.signed_in() as owner, ExitStack() as stack:
        key = owner.make_key("project", permissions=["services.read", "services.call", "agents.read"])
        files = stack.enter_context(sample_agent("files_agent.py", "--folder", str(EXAMPLES)))
        history = stack.enter_context(sample_agent("history_agent.py", "--folder", folder))
        portico = ("--portico", installation.url)
        project = stack.enter_context(sample_agent("project_agent.py", *portico, PORTICO_KEY=key))
        for name, url in (("files", files), ("history", history), ("project", project)):
            owner.make("/agents", url=url, name=name)
        agent = Registered(installation, owner, "project")
        wait_until_served(agent)
        async with httpx.AsyncClient(timeout=20) as http:
            client = await agent.client(http, agent.mine)
            [made] = [event async for event in client.send_message(saying("Show me the project"))]
        text, data = made.task.artifacts[0].parts
        assert text.text == "2 of 2 specialists answered."
        found = json_format.MessageToDict(data.data)
        assert [each["type"] for each in found["widgets"]] == ["Metrics", "TaskList"]
        board = owner.make("/dashboards", name="project")
        offered = owner.make(f"/dashboards/{board['id']}/compose", title="The project", widgets=found["widgets"])
        assert offered["id"]
        owner.wait_for(lambda: hops(owner), "a record of every hop", CALLS_S)


def hops(owner: Owner) -> set[str]:
    names = {each["service"]["name"] for each in owner.get("/calls", page_size=50)["items"]}
    return names if names >= {"files", "history", "project"} else set()
