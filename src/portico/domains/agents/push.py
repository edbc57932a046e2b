"""Push notifications: the agent tells Portico, and Portico tells the client, in the client's version and with its credentials.

What a client names as its receiver never reaches the agent, and what Portico calls is judged at every delivery.
"""

import hmac
import json
import re
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag

from portico.domains.agents import push_store, shapes, task_store
from portico.domains.agents.model import AgentTask, origin_of
from portico.domains.agents.push_store import Push
from portico.domains.tenancy import public as tenancy
from portico.kernel import ids
from portico.kernel.errors import NotFound, Refusal
from portico.kernel.scope import PlatformScope
from portico.platform.crypto import digest_secret
from portico.platform.deps import Deps
from portico.platform.egress import forbidden_address, metadata_host
from portico.platform.outbound import Outbound
from portico.platform.settings import Settings

Json = dict[str, Any]
KEPT = timedelta(days=30)
MOST_PER_TASK, MOST_PER_PRINCIPAL = 10, 1000
TIMEOUT_S, MOST_ANSWER_BYTES = 10.0, 16 * 1024
MOST_SNAPSHOT_CHARS = 256 * 1024
TOKEN_HEADER = "x-a2a-notification-token"  # noqa: S105 (its name)
_INVALID_PARAMS, _NOT_FOUND = -32602, -32001
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,40}")


class NotificationUndelivered(Refusal):
    code = "WEBHOOK_DELIVERY"


# --- what gateways ask ------------------------------------------------------------------------------------------------


async def keep_push(asked: Json, deps: Deps) -> Json:
    """Keep a client's receiver; answers with what the agent is told instead, and what the client is shown."""
    config: Json = asked["config"] if isinstance(asked["config"], dict) else {}
    if problem := _problem(config, deps.settings):
        return {"error": f"The push notification config {problem}.", "code": _INVALID_PARAMS}
    push_id, token = f"psh_{ids.ulid()}", secrets.token_urlsafe(32)
    private = json.dumps({"token": config.get("token"), "authentication": config.get("authentication")})
    push = Push(
        id=push_id,
        service_id=asked["service"],
        org_id=asked["org"],
        scope=asked["scope"],
        principal_id=asked["principal"],
        task_id=asked["task"],
        config_id=str(config.get("id") or push_id),
        version=asked["version"],
        url=config["url"],
        sealed=deps.sealer.seal(private, _context(asked["org"], push_id)),
        token_digest=digest_secret(token),
        created_at=deps.clock.now(),
    )
    if refused := await _store(push, deps):
        return refused
    address = f"{deps.settings.base_url}/a2a-push/{push_id}"
    told = {"id": push.config_id, "url": address, "token": token}
    told["authentication"] = {"scheme": "Bearer", "credentials": token}  # type: ignore[assignment]
    return {"config": {**told, "taskId": push.task_id} if push.task_id else told, "shown": shown_push(push, config)}


async def _store(push: Push, deps: Deps) -> Json | None:
    platform = tenancy.platform_scope()
    async with deps.uow() as tx:
        if push.task_id:
            await push_store.delete_pushes(
                tx, platform, push.service_id, push.principal_id, push.task_id, push.config_id
            )
            there = await push_store.pushes_of(tx, platform, push.service_id, push.principal_id, push.task_id)
            if len(there) >= MOST_PER_TASK:
                return {"error": f"A task can have at most {MOST_PER_TASK} receivers.", "code": _INVALID_PARAMS}
        if await push_store.count_pushes(tx, platform, push.service_id, push.principal_id) >= MOST_PER_PRINCIPAL:
            return {"error": f"You have {MOST_PER_PRINCIPAL} receivers here; delete some.", "code": _INVALID_PARAMS}
        await push_store.insert_push(tx, platform, push)
    return None


async def shown_pushes(asked: Json, deps: Deps) -> Json:
    platform = tenancy.platform_scope()
    async with deps.read() as tx:
        found = await push_store.pushes_of(tx, platform, asked["service"], asked["principal"], asked["task"])
    shown = [shown_push(each, _opened(each, deps)) for each in found]
    if asked["operation"] == "list":
        return {"result": {"configs": shown, "nextPageToken": ""}}
    wanted = [each for each in shown if not asked["id"] or each["id"] == asked["id"]]
    if not wanted:
        return {"error": "There is no such push notification config.", "code": _NOT_FOUND}
    return {"result": wanted[0]}


async def forget_push(asked: Json, deps: Deps) -> Json:
    async with deps.uow() as tx:
        gone = await push_store.delete_pushes(
            tx, tenancy.platform_scope(), asked["service"], asked["principal"], asked["task"], asked["id"]
        )
    return {"gone": gone}


async def purge_pushes(scope: PlatformScope, deps: Deps) -> int:
    async with deps.uow() as tx:
        return await push_store.forget_pushes_before(tx, scope, deps.clock.now() - KEPT)


def shown_push(push: Push, config: Json) -> Json:
    """Credentials are never shown again."""
    shown: Json = {"taskId": push.task_id, "id": push.config_id, "url": push.url}
    told = config.get("authentication")
    if isinstance(told, dict) and told.get("scheme"):
        shown["authentication"] = {"scheme": told["scheme"]}
    return shown


def _problem(config: Json, settings: Settings) -> str | None:
    """Early, so that a mistake is told to who makes it; the addresses behind a name are judged at each delivery."""
    url = config.get("url")
    if not isinstance(url, str) or origin_of(url.partition("?")[0]) is None:
        return "has no url that is a plain https:// address"
    host = urlsplit(url).hostname or ""
    if settings.environment == "production" and not url.startswith("https://"):
        return "must have an https:// url in production"
    reason = "is a metadata address" if metadata_host(host) else forbidden_address(host, settings.private_ranges)
    if reason is not None and reason != "is not an IP address":
        return f"names {host}, which {reason}; Portico does not call it"
    texts = (config.get("id"), config.get("token"))
    told = config.get("authentication")
    if told is not None and not isinstance(told, dict):
        return "has an authentication that is no object"
    scheme, credentials = (told or {}).get("scheme"), (told or {}).get("credentials")
    if scheme and (not isinstance(scheme, str) or _SCHEME.fullmatch(scheme) is None):
        return "has an authentication scheme that is not a word"
    for each, most in ((texts[0], 256), (texts[1], 2000), (credentials, 4000)):
        if each and (not isinstance(each, str) or len(each) > most or not each.isascii() or not each.isprintable()):
            return f"holds an id, token or credentials that are not at most {most} printable ASCII characters"
    return None


# --- what agents tell -------------------------------------------------------------------------------------------------


async def take_notification(
    push_id: str, token: str, body: bytes, deps: Deps, outbound: Outbound | None = None
) -> None:
    """From an agent, to the client whose receiver this is; the task's state is kept on the way.

    raises   NotFound for a receiver that there is not, and for a wrong token · NotificationUndelivered (502)
    """
    platform = tenancy.platform_scope()
    async with deps.read() as tx:
        push = await push_store.load_push(tx, platform, push_id)
    if push is None or not hmac.compare_digest(push.token_digest, digest_secret(token)):
        raise NotFound("receiver", push_id)
    event = _event(body)
    task_id = _task_of(event)
    if not task_id or (push.task_id and push.task_id != task_id):
        raise NotFound("task", task_id or "without an id")
    task = await _keep_state(push, task_id, event, deps)
    error = await _deliver(push, event, task, deps, outbound or Outbound(deps.settings))
    async with deps.uow() as tx:
        await push_store.note_use(tx, platform, push, task_id, error, deps.clock.now())
    if error is not None:
        raise NotificationUndelivered(f"The receiver did not take the notification: {error}.")


def _event(body: bytes) -> Json:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    if any(isinstance(told.get(name), dict) for name in shapes.EVENTS) and "kind" not in told:
        return told
    return shapes.event_up(told)


def _task_of(event: Json) -> str:
    for name in shapes.EVENTS:
        inner = event.get(name)
        if isinstance(inner, dict):
            return str(inner.get("id" if name == "task" else "taskId") or "")[:256]
    return ""


async def _keep_state(push: Push, task_id: str, event: Json, deps: Deps) -> Json:
    """The task after this event. One of somebody else is not touched, whatever the agent says."""
    platform = tenancy.platform_scope()
    async with deps.uow() as tx:
        found = await task_store.tasks_by_id(tx, platform, push.service_id, [task_id])
        if found and found[0].principal_id != push.principal_id:
            raise NotFound("task", task_id)
        now = deps.clock.now()
        before = found[0].snapshot if found else {"id": task_id}
        after = _bounded(shapes.merged(before, event))
        status = after.get("status")
        state = str(status.get("state", "")) if isinstance(status, dict) else ""
        seen = AgentTask(
            service_id=push.service_id,
            task_id=task_id,
            org_id=push.org_id,
            scope=push.scope,
            context_id=str(after.get("contextId") or "")[:256],
            principal_id=push.principal_id,
            principal_name=found[0].principal_name if found else "",
            endpoint_id=found[0].endpoint_id if found else "",
            call_id=found[0].call_id if found else "",
            state=(state or "TASK_STATE_UNSPECIFIED")[:40],
            snapshot=after,
            created_at=now,
            updated_at=now,
        )
        await task_store.store_tasks(tx, platform, [seen])
    return after


def _bounded(task: Json) -> Json:
    if len(json.dumps(task)) <= MOST_SNAPSHOT_CHARS:
        return task
    kept: Json = {name: task[name] for name in ("id", "contextId", "status") if name in task}
    return {**kept, "metadata": {"portico": {"shortened": True}}}


async def _deliver(push: Push, event: Json, task: Json, deps: Deps, outbound: Outbound) -> str | None:
    """What went wrong, in words. A client of 0.3 is told the whole task, one of 1.0 what happened."""
    said = shapes.task_down(task, "rpc") if push.version == "0.3" else event
    private = _opened(push, deps)
    headers = [("content-type", "application/json"), ("user-agent", "Portico-A2A")]
    if private.get("token"):
        headers.append((TOKEN_HEADER, str(private["token"])))
    told = private.get("authentication")
    if isinstance(told, dict) and told.get("credentials"):
        headers.append(("authorization", f"{told.get('scheme') or 'Bearer'} {told['credentials']}"))
    body = json.dumps(said, separators=(",", ":")).encode()
    try:
        answer = await outbound.send(
            "POST", push.url, timeout_s=TIMEOUT_S, max_bytes=MOST_ANSWER_BYTES, headers=headers, body=body, cut=True
        )
    except Refusal as refusal:
        return refusal.message.rstrip(".")[:400]
    return None if 200 <= answer.status < 300 else f"it answered {answer.status}"


def _opened(push: Push, deps: Deps) -> Json:
    try:
        private: Json = json.loads(deps.sealer.open(push.sealed, _context(push.org_id, push.id)))
    except InvalidTag:
        # Sealed under another master key: the receiver will say that it misses its token.
        return {}
    return private


def _context(org_id: str, push_id: str) -> str:
    return f"a2a-push:{org_id}:{push_id}"
