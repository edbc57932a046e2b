"""Whatever the document allows, and much that it does not, gets an answer the document knows; never a failure of ours."""

from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from argon2 import PasswordHasher
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from portico.domains.tenancy.service import passwords as password_work
from portico.kernel.errors import REGISTRY
from portico.platform.deps import Deps
from tests.isolation.test_census import name_for
from tests.isolation.two_orgs import API, Org, found_org, found_platform, furnish, sign_in

EXAMPLES = 2
# These would end the sign-in that all the others use, or take the ground from under them.
LEFT_OUT = {
    ("POST", "/auth/sign-out"),
    ("POST", "/auth/refresh"),
    ("DELETE", "/orgs/{org_id}"),
    ("POST", "/orgs/{org_id}/suspend"),
    ("DELETE", "/members/{person_id}"),
    ("PATCH", "/members/{person_id}"),
}
# What a service behind us does wrong, or that no gateway is there, is said with a 5xx of its own.
FORESEEN = {code.e_code for code in REGISTRY.values() if code.e_code.startswith("E98")} | {"E9902"}


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_work.passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def examples(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> list[Case]:
    found: list[Case] = []

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


def operations(app: FastAPI) -> list[APIOperation[Any, Any, Any, Any]]:
    """Things come before they go, and parts go before the whole."""
    found = [each.ok() for each in schemathesis.openapi.from_dict(app.openapi()).get_all_operations()]
    kept = [each for each in found if (each.method.upper(), each.path.removeprefix(API)) not in LEFT_OUT]
    return sorted(kept, key=lambda each: (each.method.upper() == "DELETE", -each.path.count("/")))


async def answer_to(case: Case, client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    asked = requests.Request(**case.as_transport_kwargs(base_url="http://portico.test")).prepare()
    headers = {**{name: str(value) for name, value in asked.headers.items()}, "Authorization": f"Bearer {token}"}
    body = asked.body.encode() if isinstance(asked.body, str) else asked.body
    client.cookies.clear()
    return await client.request(asked.method or "GET", asked.url or "", headers=headers, content=body)


def with_real_ids(case: Case, org: Org) -> Case:
    """Reach past "not found": the same request on something that is there."""
    known = name_for(case.operation.path.removeprefix(API), org.known)
    case.path_parameters = {name: known.get(name, value) for name, value in (case.path_parameters or {}).items()}
    return case


def wrong_with(case: Case, response: httpx2.Response) -> list[str]:
    where = f"{case.operation.method.upper()} {case.operation.path}"
    said = f"{where} ({case.as_curl_command()[:600]}): {response.status_code} {response.text[:400]}"
    if response.status_code >= 500:
        return [] if response.json()["error"]["code"] in FORESEEN else [said]
    if response.status_code == 401 and not case.operation.path.startswith(f"{API}/auth"):
        return [said]
    try:
        case.validate_response(response, checks=[response_schema_conformance, content_type_conformance])
    except AssertionError as error:
        return [f"{where}: {error}"]
    return []


@pytest.mark.req("SP9", "SS24", "C1")
async def test_every_operation_answers_as_the_document_says(
    app: FastAPI, client: httpx2.AsyncClient, deps: Deps
) -> None:
    _, superadmin = await found_platform(deps, client)
    org, owner = await found_org(client, superadmin, "Zebra", "Zoe")
    await furnish(org, owner, deps)
    token = (await sign_in(client, "zoe@zebra.example")).token
    wrong: list[str] = []
    for operation in operations(app):
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            for number, case in enumerate(examples(operation, mode)):
                asked = with_real_ids(case, org) if number % 2 == 0 else case
                wrong += wrong_with(asked, await answer_to(asked, client, token))
    assert not wrong, "\n\n".join(wrong[:10])
