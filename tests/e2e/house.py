"""The installation that the browser looks at: two orgs, three people, two services, keys, budgets, and calls that really happened."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from portico.cli import demo
from tests.installation import OWNER_EMAIL, OWNER_PASSWORD, Installation, Owner, sample

MODEL_KEY = "a-key-for-the-sample-model"
TEXT = (
    "A gateway stands between programs and the services they call. It knows who calls, and what they may spend. "
    "When a budget is empty, the gateway refuses the next call before it leaves the house."
)


@dataclass(frozen=True)
class Person:
    email: str
    password: str
    name: str


OWNER = Person(OWNER_EMAIL, OWNER_PASSWORD, "Owner")
VIEWER = Person("viewer@demo.example", "a-viewers-passphrase", "Viewer")
OTHER_OWNER = Person("owner@other.example", "another-long-passphrase", "Other owner")


@dataclass(frozen=True)
class House:
    installation: Installation
    inventory_url: str
    keys: dict[str, str]

    @property
    def url(self) -> str:
        return self.installation.url

    def caller(self, key: str = "web-shop") -> httpx2.Client:
        """An ordinary HTTP client of the gateway, with a key that is called so."""
        secret = self.keys.get(key, key)
        return httpx2.Client(base_url=self.url, headers={"Authorization": f"Bearer {secret}"}, timeout=20)

    def owner(self) -> Any:
        return self.installation.signed_in()

    def caught_up(self) -> None:
        """Until every consumer has read the log: what happened before is of no concern to whoever begins to listen now."""
        with self.owner() as owner:
            owner.wait_for(
                lambda: all(each["lag"] == 0 for each in owner.get("/event-consumers")["items"]),
                "the log to be read",
                30,
            )

    def other_owner(self) -> Any:
        return self.installation.signed_in(OTHER_OWNER.email, OTHER_OWNER.password)


@contextmanager
def open_house(data_dir: Path) -> Iterator[House]:
    installation = Installation(data_dir, extra={"PORTICO_SECURITY_SIGN_IN_TRIES_PER_MINUTE": "1000"})
    with ExitStack() as stack:
        inventory = stack.enter_context(sample("inventory_service.py"))
        model = stack.enter_context(sample("model_server.py", MODEL_SERVER_API_KEY=MODEL_KEY))
        stack.callback(installation.kill_everything)
        installation.prepare().start()
        with installation.signed_in() as owner:
            keys = _furnish(owner, demo.Samples(inventory, model, MODEL_KEY))
            _invite(owner, VIEWER, "viewer")
            _make_other_org(owner)
            house = House(installation, inventory, keys)
            _call(house, owner)
        yield house


def _furnish(owner: Owner, samples: demo.Samples) -> dict[str, str]:
    keys, ids = {}, {}
    for name in ("web-shop", "support-bot", "etl-nightly"):
        made = owner.make("/keys", name=name, permissions=["services.read", "services.call"])
        keys[name], ids[name] = made["secret"], made["id"]
    owner.make(
        "/secrets", name=demo.MODEL_SECRET, value=samples.model_key, description="What the model server asks for."
    )
    spend = {"subject_kind": "principal", "measure": "money"}
    owner.make("/budgets", name="support-bot, a day", subject_id=ids["support-bot"], window="day", limit=5_000, **spend)
    owner.make(
        "/budgets", name="etl-nightly, an hour", subject_id=ids["etl-nightly"], window="hour", limit=100, **spend
    )
    owner.make(
        "/budgets", name="Whole org, a month", subject_kind="org", measure="money", window="month", limit=20_000_000
    )
    limit = {"subject_kind": "key", "subject_id": ids["etl-nightly"], "rate": 20, "per_s": 60}
    owner.make("/limits", name="etl-nightly, 20 a minute", **limit)
    owner.make("/services", **demo._summariser(f"{samples.model_url}/v1"))
    owner.make("/services", **demo._inventory(samples.inventory_url))
    for name in ("inventory", "summariser"):
        owner.make(f"/services/{name}/check")
    return keys


def _invite(owner: Owner, person: Person, role: str) -> None:
    token = owner.make("/invitations", email=person.email, role=role)["token"]
    _accept(owner, token, person)


def _accept(owner: Owner, token: str, person: Person) -> None:
    with httpx2.Client(base_url=owner.client.base_url, timeout=20) as stranger:
        accepted = {"token": token, "name": person.name, "password": person.password}
        answer = stranger.post("/auth/invitations/accept", json=accepted)
        assert answer.is_success, answer.text


def _make_other_org(owner: Owner) -> None:
    made = owner.make("/orgs", name="Other", slug="other", owner_email=OTHER_OWNER.email)
    _accept(owner, made["invitation_token"], OTHER_OWNER)


def ask(text: str = TEXT, **more: Any) -> dict[str, Any]:
    return {"model": demo.CHAT_MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": 120, **more}


def _call(house: House, owner: Owner) -> None:
    """Every kind of ending that the samples can give, each really sent."""
    with house.caller() as shop, house.caller("support-bot") as bot, house.caller("etl-nightly") as nightly:
        owner.wait_for(lambda: shop.get("/svc/inventory/health").status_code == 200, "the new service")
        for sku in ("HELMET-YEL", "BOLT-M8-40", "TAPE-50", "NO-SUCH-THING"):
            shop.get(f"/svc/inventory/stock/{sku}")
        shop.get("/svc/inventory/stock")
        shop.post("/svc/inventory/stock/BOLT-M8-40/reserve", json={"quantity": 2})
        for _ in range(3):
            bot.post("/v1/chat/completions", json=ask())
        with bot.stream("POST", "/v1/chat/completions", json=ask(stream=True)) as answer:
            answer.read()
        bot.post("/v1/embeddings", json={"model": demo.EMBEDDING_MODEL, "input": TEXT})
        nightly.get("/svc/inventory/stock/TAPE-50")
        refused = nightly.post("/v1/chat/completions", json=ask())
        assert refused.status_code == 429, refused.text
    owner.wait_for(lambda: len(owner.get("/calls", page_size=50)["items"]) >= 13, "the record of the calls")
