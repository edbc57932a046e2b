"""Agents' cards, and the rules about them: what a card must hold, where its interfaces lead, what clients are shown of it.

Pure, so that the gateway can show a card without loading anything else.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct

from portico.kernel.errors import FieldError, InvalidFields

Binding = Literal["JSONRPC", "HTTP+JSON"]
Protocol = Literal["1.0", "0.3"]
AgentHealth = Literal["unknown", "healthy", "unhealthy", "dead"]
RoutePolicy = Literal["round_robin", "least_connections", "random"]
Json = dict[str, Any]

MOST_CARD_BYTES = 128 * 1024
MOST_SKILLS, MOST_INTERFACES = 200, 20
FAILURES_TO_DEAD = 10
CARD_PATH, OLD_CARD_PATH = "/.well-known/agent-card.json", "/.well-known/agent.json"
# States in which a task does not go on by itself.
TERMINAL = frozenset({"TASK_STATE_COMPLETED", "TASK_STATE_FAILED", "TASK_STATE_CANCELED", "TASK_STATE_REJECTED"})
INTERRUPTED = frozenset({"TASK_STATE_INPUT_REQUIRED", "TASK_STATE_AUTH_REQUIRED"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104
_WORD = re.compile(r"[a-z0-9][a-z0-9._:-]{0,39}")


class Interface(NamedTuple):
    """One way to talk to an agent, as its card names it."""

    binding: Binding
    version: Protocol
    url: str
    tenant: str | None = None


class Skill(NamedTuple):
    id: str
    name: str
    description: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """`notes` are what is not as it should be but can be lived with."""

    name: str
    description: str
    version: str
    interfaces: tuple[Interface, ...]
    skills: tuple[Skill, ...]
    streaming: bool
    push: bool
    extended: bool
    raw: Json
    notes: tuple[str, ...]

    @property
    def protocols(self) -> tuple[str, ...]:
        return tuple(sorted({each.version for each in self.interfaces}, reverse=True))


class CardInvalid(InvalidFields):
    """A card with which nobody could talk to the agent; names each field."""


@dataclass(frozen=True, slots=True)
class StoredCard:
    """`problem` says why the newest attempt to read the card failed; the card before it stays in force."""

    service_id: str
    card_url: str
    text: str | None
    card: Card | None
    etag: str | None
    read_at: datetime | None
    changed_at: datetime | None
    tried_at: datetime | None
    problem: str | None
    health: AgentHealth
    health_since: datetime | None


@dataclass(frozen=True, slots=True)
class AgentTask:
    """What passed through a gateway of one task; `snapshot` is the task in the form of A2A 1.0."""

    service_id: str
    task_id: str
    org_id: str
    scope: str
    context_id: str
    principal_id: str
    principal_name: str
    endpoint_id: str
    call_id: str
    state: str
    snapshot: Json
    created_at: datetime
    updated_at: datetime


# --- reading ----------------------------------------------------------------------------------------------------------


def read_card(body: bytes) -> Card:
    """A card of A2A 1.0, of 0.3, or of both in one.

    raises   CardInvalid, naming each field
    """
    try:
        raw = json.loads(body.decode())
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise CardInvalid((FieldError("card", "is not JSON"),)) from error
    if not isinstance(raw, dict):
        raise CardInvalid((FieldError("card", "is not a JSON object"),))
    problems, notes = _text_problems(raw), list[str]()
    interfaces = _interfaces(raw, problems, notes)
    skills = _skills(raw, problems)
    capabilities = raw.get("capabilities")
    if not isinstance(capabilities, dict):
        notes.append("The card names no capabilities; neither streaming nor push notifications are offered.")
        capabilities = {}
    if problems:
        raise CardInvalid(tuple(problems))
    return Card(
        raw["name"],
        raw["description"],
        raw["version"],
        tuple(interfaces),
        tuple(skills),
        capabilities.get("streaming") is True,
        capabilities.get("pushNotifications") is True,
        capabilities.get("extendedAgentCard") is True or raw.get("supportsAuthenticatedExtendedCard") is True,
        raw,
        tuple(notes),
    )


def _text_problems(raw: Json) -> list[FieldError]:
    problems = []
    for field, most in (("name", 200), ("description", 4000), ("version", 100)):
        value = raw.get(field)
        if not isinstance(value, str) or not value.strip():
            problems.append(FieldError(f"card.{field}", "is missing"))
        elif len(value) > most:
            problems.append(FieldError(f"card.{field}", f"must be at most {most:,} characters"))
    return problems


def _interfaces(raw: Json, problems: list[FieldError], notes: list[str]) -> list[Interface]:
    """In the card's order, which is the agent's preference. Where both layouts stand, the newer one says it all."""
    newer = raw.get("supportedInterfaces")
    field = "card.supportedInterfaces" if newer is not None else "card.url"
    named = newer if newer is not None else _old_interfaces(raw)
    if not isinstance(named, list) or not named or len(named) > MOST_INTERFACES:
        problems.append(FieldError(field, f"must name between 1 and {MOST_INTERFACES} interfaces"))
        return []
    found = []
    for place, each in enumerate(named):
        read = _interface(each)
        if isinstance(read, str):
            notes.append(f"Interface {place + 1} of the card is not used: {read}.")
        else:
            found.append(read)
    if not found:
        reasons = " ".join(note.partition(": ")[2] for note in notes)
        problems.append(FieldError(field, f"holds no interface that can be used: {reasons}"))
    return found


def _old_interfaces(raw: Json) -> list[Json]:
    if "url" not in raw:
        return []
    version = raw.get("protocolVersion") or "0.3.0"
    more = raw.get("additionalInterfaces")
    first = {"url": raw["url"], "transport": raw.get("preferredTransport") or "JSONRPC"}
    others = [each for each in more if isinstance(each, dict)] if isinstance(more, list) else []
    named: list[Json] = []
    for each in (first, *others):
        written = {
            "url": each.get("url"),
            "protocolBinding": each.get("transport") or "JSONRPC",
            "protocolVersion": version,
        }
        if written not in named:
            named.append(written)
    return named


def _interface(each: object) -> Interface | str:
    """The interface, or why it cannot be used."""
    if not isinstance(each, dict):
        return "it is not an object"
    url, binding, said = each.get("url"), each.get("protocolBinding"), str(each.get("protocolVersion") or "")
    version: Protocol | None = "1.0" if said.startswith("1.") else "0.3" if said.startswith("0.3") else None
    if binding not in {"JSONRPC", "HTTP+JSON"}:
        return f"its binding is {str(binding)[:40]!r}, and JSONRPC and HTTP+JSON are spoken"
    if version is None:
        return f"its protocol version is {said[:20]!r}, and 1.0 and 0.3 are spoken"
    tenant = each.get("tenant")
    if tenant is not None and (not isinstance(tenant, str) or not re.fullmatch(r"[A-Za-z0-9._~-]{0,100}", tenant)):
        return "its tenant is not a plain word"
    if not isinstance(url, str) or origin_of(url) is None:
        return "its url is not a plain http or https address"
    return Interface("JSONRPC" if binding == "JSONRPC" else "HTTP+JSON", version, url, tenant or None)


def _skills(raw: Json, problems: list[FieldError]) -> list[Skill]:
    named = raw.get("skills")
    if not isinstance(named, list) or len(named) > MOST_SKILLS:
        problems.append(FieldError("card.skills", f"must be a list of at most {MOST_SKILLS} skills"))
        return []
    skills = []
    for place, each in enumerate(named):
        if not isinstance(each, dict) or not isinstance(each.get("id"), str) or not each["id"]:
            problems.append(FieldError(f"card.skills.{place}.id", "is missing"))
            continue
        tags = each.get("tags")
        words = tuple(tag[:128] for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()
        skills.append(Skill(each["id"][:200], _text(each, "name", 200), _text(each, "description", 2000), words[:50]))
    return skills


def _text(raw: Json, field: str, most: int) -> str:
    value = raw.get(field)
    return value[:most] if isinstance(value, str) else ""


# --- where it leads ---------------------------------------------------------------------------------------------------


def origin_of(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for what is not a plain http address."""
    if len(url) > 2000 or any(ord(char) <= 32 or ord(char) >= 127 for char in url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc or parts.fragment or parts.query:
        return None
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)


def interfaces_at(card: Card, endpoint_url: str) -> tuple[Interface, ...]:
    """Those that lead to where the agent is registered, as paths there.

    A card that could name any other host could have itself sent the agent's credential. Many agents call themselves
    localhost, which is true only for themselves: of such an address the path counts.
    """
    home = origin_of(endpoint_url)
    usable = []
    for each in card.interfaces:
        origin = origin_of(each.url)
        if origin is not None and (origin == home or origin[1] in _LOOPBACK):
            usable.append(each._replace(url=urlsplit(each.url).path or "/"))
    return tuple(usable)


def home_of(card: Card, asked_url: str) -> str:
    """Which address to register for an agent whose card was read at `asked_url`."""
    asked = origin_of(asked_url)
    origins = [origin for each in card.interfaces if (origin := origin_of(each.url)) is not None]
    if asked in origins or asked is None or all(origin[1] in _LOOPBACK for origin in origins):
        parts = urlsplit(asked_url)
        return f"{parts.scheme}://{parts.netloc}"
    scheme, host, port = next(origin for origin in origins if origin[1] not in _LOOPBACK)
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port in {80, 443} else f"{scheme}://{shown}:{port}"


def card_addresses(url: str) -> list[str]:
    """Where a card may be, most likely first."""
    bare = url.rstrip("/")
    if urlsplit(url).path.endswith(".json"):
        return [url]
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return list(dict.fromkeys([bare + CARD_PATH, origin + CARD_PATH, bare + OLD_CARD_PATH]))


# --- what clients are shown -------------------------------------------------------------------------------------------

_KEPT = ("name", "description", "version", "defaultInputModes", "defaultOutputModes")
_KEPT_OF_SKILL = ("id", "name", "description", "tags", "examples", "inputModes", "outputModes")
_SCHEME = {
    "portico": {
        "httpAuthSecurityScheme": {"scheme": "Bearer", "description": "A key of Portico."},
        "type": "http",
        "scheme": "bearer",
    }
}


def offered_card(raw: Mapping[str, Any], address: str, hosts: Sequence[str] = ()) -> Json:
    """The card as clients of Portico get it, in both layouts at once: every address is ours, and so is the credential.

    address   where the agent is reached here
    hosts     the agent's own, so that no link leads there past the door
    """
    card: Json = {field: raw[field] for field in _KEPT if field in raw}
    card.setdefault("defaultInputModes", ["text/plain"])
    card.setdefault("defaultOutputModes", ["text/plain"])
    capabilities = raw.get("capabilities")
    told = capabilities if isinstance(capabilities, dict) else {}
    extended = told.get("extendedAgentCard") is True or raw.get("supportsAuthenticatedExtendedCard") is True
    card["capabilities"] = {
        "streaming": told.get("streaming") is True,
        "pushNotifications": told.get("pushNotifications") is True,
        "extendedAgentCard": extended,
    }
    if isinstance(told.get("extensions"), list):
        card["capabilities"]["extensions"] = told["extensions"]
    skills = raw.get("skills")
    card["skills"] = [
        {field: each[field] for field in _KEPT_OF_SKILL if field in each}
        for each in (skills if isinstance(skills, list) else [])
        if isinstance(each, dict)
    ]
    for field in ("documentationUrl", "iconUrl"):
        if _leads_elsewhere(raw.get(field), hosts):
            card[field] = raw[field]
    provider = raw.get("provider")
    if isinstance(provider, dict) and _leads_elsewhere(provider.get("url"), hosts):
        card["provider"] = {"organization": str(provider.get("organization", "")), "url": provider["url"]}
    bindings: tuple[Binding, ...] = ("JSONRPC", "HTTP+JSON")
    card["supportedInterfaces"] = [
        {"url": address, "protocolBinding": binding, "protocolVersion": version}
        for version in ("1.0", "0.3")
        for binding in bindings
    ]
    card["url"], card["preferredTransport"], card["protocolVersion"] = address, "JSONRPC", "0.3.0"
    card["additionalInterfaces"] = [{"url": address, "transport": binding} for binding in bindings]
    card["supportsAuthenticatedExtendedCard"] = extended
    card["securitySchemes"] = _SCHEME
    card["securityRequirements"] = [{"schemes": {"portico": {"list": []}}}]
    card["security"] = [{"portico": []}]
    return card


def _leads_elsewhere(url: object, hosts: Sequence[str]) -> bool:
    if not isinstance(url, str):
        return False
    origin = origin_of(url.partition("?")[0].partition("#")[0])
    return origin is not None and origin[1] not in hosts and origin[1] not in _LOOPBACK


def own_hosts(card: Card, endpoint_urls: Sequence[str]) -> list[str]:
    named = [*endpoint_urls, *(each.url for each in card.interfaces)]
    return sorted({origin[1] for url in named if (origin := origin_of(url)) is not None})


def words_of(card: Card) -> tuple[str, ...]:
    """What the agent can do, as words that the hub searches by."""
    words = [word.lower() for skill in card.skills for word in (skill.id, *skill.tags)]
    return tuple(dict.fromkeys(word for word in words if _WORD.fullmatch(word)))[:50]


def can(card: Card | None, capabilities: Sequence[str], wanted: str) -> bool:
    """Whether a skill, or the service's own words, are what is asked for."""
    asked = wanted.casefold()
    known = {word.casefold() for word in capabilities}
    for skill in card.skills if card is not None else ():
        known |= {skill.id.casefold(), skill.name.casefold(), *(tag.casefold() for tag in skill.tags)}
    return asked in known


# --- for the gateways -------------------------------------------------------------------------------------------------


class InterfaceEntry(Struct, frozen=True):
    """`path` is what the request line holds, at whichever endpoint takes the call."""

    binding: Binding
    version: Protocol
    path: str
    tenant: str | None = None


class AgentEntry(Struct, frozen=True):
    """What a gateway knows of an agent: its card as clients get it, with an ETag of its own, and how it is spoken to."""

    card: bytes
    etag: str
    hosts: tuple[str, ...]
    interfaces: tuple[InterfaceEntry, ...]
    streaming: bool
