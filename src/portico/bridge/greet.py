"""The first words with a server: which era it speaks is found out once, and it stays with that for its whole life."""

import asyncio
from dataclasses import dataclass
from typing import Any

from msgspec import Raw

from portico.bridge import rpc
from portico.bridge.rpc import Members, RpcError
from portico.bridge.talk import META, MODERN, OURSELVES, Call, Talk, Trouble

# Newest of the versions with sessions; older servers answer with their own.
OFFERED = "2025-11-25"
# A server that says nothing to the newer era's first question may not know it, or may still be starting.
SILENCE_S = 3.0
_EMPTY = Raw(b"{}")
# Servers may ask clients to fill in a form or to have a model answer; nothing else is passed on to clients.
_OUR_CAPABILITIES = rpc.raw({"elicitation": {}, "sampling": {}})


@dataclass(frozen=True, slots=True)
class Manner:
    """How a server introduced itself. `version` is what it speaks."""

    version: str
    capabilities: Raw
    server_info: Raw
    instructions: Raw | None

    @property
    def modern(self) -> bool:
        return self.version == MODERN

    @property
    def subscribable(self) -> bool:
        return rpc.value_of(rpc.members(rpc.members(self.capabilities).get("resources")).get("subscribe")) is True

    def lists(self) -> list[str]:
        """Which lists may change while it runs, as `subscriptions/listen` names them."""
        told = rpc.members(self.capabilities)
        return [
            f"{kind}ListChanged"
            for kind in ("tools", "prompts", "resources")
            if rpc.value_of(rpc.members(told.get(kind)).get("listChanged")) is True
        ]

    def offers(self, kind: str) -> bool:
        return kind in rpc.members(self.capabilities)


async def greet(talk: Talk, timeout_s: float, *, sessions_first: bool) -> Manner:
    """Ask in the newer era first; whatever is no answer of that era means the older one.

    sessions_first   do not ask in the newer era at all
    raises           RpcError · Trouble
    """
    if sessions_first:
        return await _initialize(talk, timeout_s)
    discover = talk.begin("server/discover", modern_params({}), timeout_s, own=True)
    try:
        return _discovered(await asyncio.wait_for(asyncio.shield(discover.answered), min(SILENCE_S, timeout_s)))
    except (RpcError, _NotModern):
        return await _initialize(talk, timeout_s)
    except TimeoutError:
        return await _first_of_both(talk, discover, timeout_s)


class _NotModern(Exception):
    pass


def _discovered(result: Raw) -> Manner:
    told = rpc.members(result)
    versions = rpc.value_of(told.get("supportedVersions"))
    if not isinstance(versions, list) or MODERN not in versions:
        raise _NotModern
    info = rpc.members(told.get("_meta")).get(f"{META}serverInfo", _EMPTY)
    return Manner(MODERN, told.get("capabilities", _EMPTY), info, told.get("instructions"))


async def _first_of_both(talk: Talk, discover: Call, timeout_s: float) -> Manner:
    """It was silent. Both questions stand now, and whichever it answers well decides."""
    legacy = asyncio.ensure_future(_initialize(talk, timeout_s))
    try:
        either: set[asyncio.Future[Any]] = {legacy, discover.answered}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if discover.answered.done() and not discover.answered.cancelled() and discover.answered.exception() is None:
            try:
                return _discovered(discover.answered.result())
            except _NotModern:
                pass
        return await legacy
    finally:
        legacy.cancel()
        await asyncio.wait({legacy})


async def _initialize(talk: Talk, timeout_s: float) -> Manner:
    params: Members = {
        "protocolVersion": rpc.raw(OFFERED),
        "capabilities": _OUR_CAPABILITIES,
        "clientInfo": OURSELVES,
    }
    told = rpc.members(await talk.ask("initialize", params, timeout_s))
    version = rpc.text_of(told.get("protocolVersion"))
    if version is None:
        raise Trouble("It answered initialize with something else than a protocol version.", status=502, code=9805)
    talk.tell(rpc.notice("notifications/initialized"))
    return Manner(version, told.get("capabilities", _EMPTY), told.get("serverInfo", _EMPTY), told.get("instructions"))


def modern_params(params: Members, *, client: Raw = OURSELVES, level: Raw | None = None) -> Members:
    """Parameters with what each request of the newer era says about who asks. No client is promised that it can be asked back."""
    meta = rpc.members(params.get("_meta"))
    meta[f"{META}protocolVersion"] = rpc.raw(MODERN)
    meta[f"{META}clientInfo"] = client
    meta[f"{META}clientCapabilities"] = _EMPTY
    if level is not None:
        meta[f"{META}logLevel"] = level
    return {**params, "_meta": rpc.raw(meta)}
