"""What `portico up` sets up through the API: two services, three keys, a limit, two budgets. Running it again finds it all there."""

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from portico.cli.client import Client
from portico.cli.failures import ApiRefused, NotSignedIn
from portico.cli.profiles import Profile
from portico.platform.settings import Settings

ORG_NAME, ORG_SLUG = "Demo", "demo"
OWNER_NAME, OWNER_EMAIL = "Demo owner", "owner@demo.example"
SETUP_KEY, CLIENT_KEY, BURST_KEY, FRUGAL_KEY = "demo-setup", "demo-client", "demo-burst", "demo-frugal"
CLIENT_BUDGET, FRUGAL_BUDGET = "Demo client, a dollar a day", "Demo frugal, a hundredth of a cent an hour"
BURST_LIMIT = "Demo burst, 2 calls a minute"
MODEL_SECRET = "summariser-key"  # noqa: S105 - its name, not its value
CHAT_MODEL, EMBEDDING_MODEL = "extractive-summariser", "hashing-embedder"
_SETUP_PERMISSIONS = [
    "services.read",
    "services.manage",
    "services.call",
    "calls.read",
    "keys.read",
    "keys.manage",
    "limits.read",
    "limits.manage",
    "budgets.read",
    "budgets.manage",
    "secrets.read",
    "secrets.manage",
]
_CONTEXT = "portico up"


@dataclass
class Kept:
    """Secrets of the demo's keys, kept from run to run, sealed with the master key."""

    setup: str = ""
    client: str = ""
    burst: str = ""
    frugal: str = ""


class Keepsake:
    def __init__(self, settings: Settings) -> None:
        from portico.platform.crypto import Sealer, open_key_ring

        self._path = settings.data_dir / "demo.sealed"
        self._sealer = Sealer(open_key_ring(settings))

    def load(self) -> Kept:
        from cryptography.exceptions import InvalidTag

        try:
            return Kept(**json.loads(self._sealer.open(self._path.read_bytes(), _CONTEXT)))
        except (FileNotFoundError, InvalidTag, ValueError, TypeError, IndexError):
            # Absent, or of another master key: the demo is set up afresh.
            return Kept()

    def save(self, kept: Kept) -> None:
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._sealer.seal(json.dumps(asdict(kept)), _CONTEXT))
        draft.replace(self._path)


def still_works(url: str, key: str) -> bool:
    if not key:
        return False
    with Client(Profile(url=url, key=key)) as client:
        try:
            client.get("/auth/me")
        except (ApiRefused, NotSignedIn):
            return False
    return True


def make_setup_key(owner: Client) -> str:
    """The one thing that is done as the owner; all else is done with this key, which may do no more than it needs."""
    _revoke_named(owner, SETUP_KEY)
    draft = {"name": SETUP_KEY, "permissions": _SETUP_PERMISSIONS, "scope": "ENTERPRISE"}
    return str(owner.post("/keys", draft)["secret"])


@dataclass(frozen=True)
class Samples:
    """Where the two sample programs listen, and the credential that the model server asks for."""

    inventory_url: str
    model_url: str
    model_key: str


def set_up(api: Client, kept: Kept, samples: Samples) -> Kept:
    """Everything the tour calls. The inventory's endpoint comes last: once a gateway sees it, it sees all the rest."""
    ids = {}
    for name, field in ((CLIENT_KEY, "client"), (BURST_KEY, "burst"), (FRUGAL_KEY, "frugal")):
        ids[name], secret = _ensure_key(api, name, getattr(kept, field))
        setattr(kept, field, secret)
    _ensure_secret(api, MODEL_SECRET, samples.model_key)
    _ensure(api, "/limits", _limit(ids[BURST_KEY]))
    _ensure(api, "/budgets", _budget(CLIENT_BUDGET, ids[CLIENT_KEY], "day", 1_000_000))
    _ensure(api, "/budgets", _budget(FRUGAL_BUDGET, ids[FRUGAL_KEY], "hour", 100))
    _ensure_service(api, _summariser(f"{samples.model_url}/v1"))
    _ensure_service(api, _inventory(samples.inventory_url))
    return kept


def _limit(key_id: str) -> dict[str, Any]:
    return {"name": BURST_LIMIT, "subject_kind": "key", "subject_id": key_id, "rate": 2, "per_s": 60, "enabled": True}


def _budget(name: str, key_id: str, window: str, limit_microusd: int) -> dict[str, Any]:
    about = {"name": name, "subject_kind": "principal", "subject_id": key_id}
    return about | {"measure": "money", "window": window, "limit": limit_microusd, "enabled": True}


def _ensure(api: Client, path: str, draft: dict[str, Any]) -> None:
    """Make it, or bring the one of that name to the same state."""
    there = _find(api, path, lambda item: item["name"] == draft["name"])
    if there is None:
        api.post(path, draft)
    elif any(there.get(field) != value for field, value in _comparable(draft).items()) or (
        there["subject"]["id"] != draft["subject_id"]
    ):
        api.patch(f"{path}/{there['id']}", draft)


def _comparable(draft: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in draft.items() if not field.startswith("subject_")}


def _find(api: Client, path: str, wanted: Callable[[dict[str, Any]], bool], **params: Any) -> dict[str, Any] | None:
    cursor = None
    while True:
        page = api.page(path, {"page_size": 100, "cursor": cursor, **params})
        found = next((item for item in page.items if wanted(item)), None)
        if found is not None or page.next_cursor is None:
            return found
        cursor = page.next_cursor


def _ensure_key(api: Client, name: str, secret: str) -> tuple[str, str]:
    """Its id and secret; a key whose secret is not known any more is replaced."""
    prefix = secret[:11]
    there = _find(api, "/keys", lambda key: key["name"] == name and key["prefix"] == prefix, q=name, status="active")
    if secret and there is not None:
        return there["id"], secret
    _revoke_named(api, name)
    made = api.post("/keys", {"name": name, "permissions": ["services.call"]})
    return made["id"], made["secret"]


def _revoke_named(api: Client, name: str) -> None:
    while there := _find(api, "/keys", lambda key: bool(key["name"] == name), q=name, status="active"):
        api.post(f"/keys/{there['id']}/revoke")


def _ensure_secret(api: Client, name: str, value: str) -> None:
    if _find(api, "/secrets", lambda secret: bool(secret["name"] == name)) is None:
        api.post("/secrets", {"name": name, "value": value, "description": "What the sample model server asks for."})
    else:
        api.put(f"/secrets/{name}", {"value": value})


def _service(api: Client, name: str) -> dict[str, Any] | None:
    try:
        return api.get(f"/services/{name}")
    except ApiRefused as refused:
        if refused.status != 404:
            raise
        return None


def _ensure_service(api: Client, draft: dict[str, Any]) -> None:
    name, url = draft["name"], draft["url"]
    there = _service(api, name)
    if there is None:
        api.post("/services", draft)
        return
    api.patch(
        f"/services/{name}", {field: value for field, value in draft.items() if field not in {"name", "kind", "url"}}
    )
    endpoints = next(version["endpoints"] for version in there["versions"] if version["version"] == "v1")
    if url not in {endpoint["url"].rstrip("/") for endpoint in endpoints}:
        api.post(f"/services/{name}/versions/v1/endpoints", {"url": url, "weight": 1})
    for endpoint in endpoints:
        if endpoint["url"].rstrip("/") != url:
            api.delete(f"/services/{name}/endpoints/{endpoint['id']}")


def last_ports(api: Client) -> dict[str, int]:
    """Where the sample services were registered the last time."""
    ports = {}
    for name in ("inventory", "summariser"):
        there = _service(api, name) or {"versions": []}
        endpoints = [endpoint for version in there["versions"] for endpoint in version["endpoints"]]
        if endpoints and (port := urlsplit(endpoints[0]["url"]).port):
            ports[name] = port
    return ports


def _summariser(url: str) -> dict[str, Any]:
    return {
        "name": "summariser",
        "kind": "model",
        "description": "Summarises text by picking its most telling sentences, and embeds text by hashing.",
        "tags": ["sample"],
        "capabilities": ["chat", "summarise", "embed"],
        "url": url,
        "health_path": "/health",
        "models": [CHAT_MODEL, EMBEDDING_MODEL],
        "max_output_tokens": 512,
        "price": {"input_microusd_per_mtok": 150_000, "output_microusd_per_mtok": 600_000, "call_microusd": 0},
        "credential": {"secret_name": MODEL_SECRET, "header": "Authorization", "format": "Bearer {secret}"},
    }


def _inventory(url: str) -> dict[str, Any]:
    return {
        "name": "inventory",
        "kind": "http",
        "description": "The stock of a small warehouse.",
        "tags": ["sample"],
        "capabilities": ["stock", "reserve"],
        "url": url,
        "health_path": "/health",
        "methods": _inventory_methods(),
    }


def _inventory_methods() -> list[dict[str, Any]]:
    sku = {"type": "string", "minLength": 1, "description": "Stock keeping unit, e.g. HELMET-YEL"}
    return [
        {
            "name": "list_stock",
            "http_method": "GET",
            "path": "/stock",
            "description": "Everything in stock",
            "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        },
        {
            "name": "get_stock",
            "http_method": "GET",
            "path": "/stock/{sku}",
            "description": "One item",
            "parameters": {
                "type": "object",
                "properties": {"sku": sku},
                "required": ["sku"],
                "additionalProperties": False,
            },
        },
        {
            "name": "reserve_stock",
            "http_method": "POST",
            "path": "/stock/{sku}/reserve",
            "description": "Take a quantity of one item out of stock",
            "parameters": {
                "type": "object",
                "properties": {"sku": sku, "quantity": {"type": "integer", "minimum": 1}},
                "required": ["sku", "quantity"],
                "additionalProperties": False,
            },
        },
    ]


def new_password() -> str:
    """Readable aloud and strong: 20 characters of 32 kinds are 100 bits."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def examples_folder() -> Path | None:
    """The sample programs come with a checkout, not with an installed package."""
    folder = Path(__file__).parents[3] / "examples"
    return folder if (folder / "inventory_service.py").exists() else None
