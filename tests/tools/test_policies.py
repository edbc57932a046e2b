"""Policies: what an expression may say, how several decide together, and the simulator that says why."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.domains.hub import public as hub
from portico.domains.tenancy import public as tenancy
from portico.domains.tools import public as tools
from portico.domains.tools.arguments import Checker
from portico.domains.tools.decide import Facts, Rule, decide, weigh
from portico.domains.tools.expressions import Unusable, compile_expression
from portico.domains.tools.model import PolicyEntry
from portico.domains.tools.pins import pinned
from portico.kernel.ids import OrgId
from portico.kernel.paging import Cursor
from portico.kernel.scope import OrgScope
from portico.platform.deps import Deps
from tests.tools.servers import DROP, READ
from tests.webhooks.test_routes import caller, make_key

FACTS = Facts(
    {"id": "key_1", "name": "bot", "kind": "key", "scope": "ENTERPRISE", "permissions": ["services.call"]},
    {"name": "files", "tags": ["prod"]},
    {"name": "read_file", "pin": "00", "annotations": {"readOnlyHint": True}},
    {"era": "2026-07-28", "address": "10.0.0.7"},
)


def rule(effect: Any, expression: str, name: str = "p", **changes: Any) -> Rule:
    return Rule.of(PolicyEntry(f"pol_{name}", "org", name, 1, effect, expression, **changes))


def outcome(*rules: Rule, **args: Any) -> tuple[str, str | None]:
    decision = decide(rules, FACTS, args, weigh(args, len(json.dumps(args))))
    return decision.effect, None if decision.by is None else decision.by.name


# --- expressions -----------------------------------------------------------------------------------------------------


@pytest.mark.req("HY19", "L03")
@pytest.mark.parametrize(
    "expression",
    [
        'principal.kind == "key" && "services.call" in principal.permissions',
        'server.name == "files" && "prod" in server.tags',
        'tool.annotations.readOnlyHint == true || tool.pin == "00"',
        'request.era >= "2026-01-01" && request.address.startsWith("10.")',
        'has(args.path) && args.path.matches("^/srv/[a-z]+$")',
        "args.list.exists(each, each > 2) && args.list.filter(each, each > 1).size() == 2",
        'args["odd name"] == 1.5 && args.big > 1e18',
        r'args.path != "a\"b" && r"\" != args.path && args.path == "/srv/a"',
    ],
)
def test_what_an_expression_can_speak_of(expression: str) -> None:
    args = {"path": "/srv/a", "list": [1, 2, 3], "odd name": 1.5, "big": 2**63}
    assert outcome(rule("deny", expression), **args)[0] == "deny"


@pytest.mark.req("HY19", "L03")
@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("args.a ==", "line 1, character 10"),
        ("args.a == 1 &&\n  == 2", "line 2, character 3"),
        ("arguments.a == 1", "there are args, principal, request, server, tool"),
        ("lower(args.a) == 1", "'lower', which does not exist"),
        ("args.l.all(a, args.l.all(b, a == b))", "a loop inside a loop"),
        ("args.l.map(a, a).size() > 1", "may not use map"),
        ('args.l.all(a, a.matches("x"))', "inside a loop"),
        ("args.l.all(a, a + a == a)", "inside a loop"),
        ("args.l.all(a, true) && " * 3 + "args.l.all(a, true)", "3 loops at most"),
        ("args.a.matches(args.b)", "a fixed pattern"),
        (r'args.a.matches("(x{50}){50}")', "too large"),
        ("args.a" + " + args.a" * 11 + ' == "x"', "10 times at most"),
        ("(" * 30 + "true" + ")" * 30, "20 deep"),
        ('args.a == "x" // all of it', "no comments"),
        ('args.a == """x"""', "triple quotes"),
        ('args.a == "x', "does not end"),
        ("true" + " " * 1000, "1 to 1000 characters"),
        ("", "1 to 1000 characters"),
        ("args.a == \u200b1", "visible characters"),
    ],
)
def test_what_cannot_be_bounded_or_read_is_refused_with_its_place(expression: str, says: str) -> None:
    with pytest.raises(Unusable) as told:
        compile_expression(expression)
    assert says in str(told.value)


@given(st.text(max_size=80) | st.text(alphabet="ags.()[]{}\"'\\ +=!&|?:<>,1x\n", max_size=80))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    found = outcome(rule("allow", text))
    # Never an error of another kind; an expression that holds says so, any other denies here.
    assert found in {("allow", "p"), ("deny", None), ("deny", "p")}


def test_the_library_comes_without_its_command_line() -> None:
    asked = (
        "import sys; from portico.domains.tools.expressions import compile_expression as c;"
        "assert c('args.a == 1').variables == {'args'};"
        "print(sorted({'rich', 'typer', 'prompt_toolkit', 'cel'} & set(sys.modules)));"
        "import cel; assert cel.compile('1 == 1').execute({})"
    )
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60)
    assert (told.stdout, told.stderr) == ("[]\n", "")


# --- decisions -------------------------------------------------------------------------------------------------------


@pytest.mark.req("HY19", "L03")
def test_the_first_that_denies_or_hides_decides_whatever_allows() -> None:
    allow, hide, deny = rule("allow", "true", "a"), rule("hide", "true", "h"), rule("deny", "true", "d")
    assert outcome() == ("allow", None)
    assert outcome(allow) == ("allow", "a")
    assert outcome(allow, deny, hide) == ("deny", "d")
    assert outcome(allow, hide, deny) == ("hide", "h")
    assert outcome(rule("deny", "false"), allow) == ("allow", "a")
    assert outcome(rule("allow", "false", "n")) == ("deny", None)


def test_subjects_and_targets_say_what_a_policy_covers() -> None:
    for changes, covered in (
        ({"subjects": ("key_1", "key_9")}, True),
        ({"subjects": ("key_9",)}, False),
        ({"targets": ("files/*",)}, True),
        ({"targets": ("*/read_*",)}, True),
        ({"targets": ("files/drop_*", "mail/*")}, False),
    ):
        assert outcome(rule("deny", "true", **changes))[0] == ("deny" if covered else "allow"), changes


@pytest.mark.req("HY19", "L03")
@pytest.mark.parametrize(
    ("expression", "args"),
    [
        ("args.missing == 1", {}),
        ("args.path", {"path": "text"}),
        ("args.a / args.b == 1", {"a": 1, "b": 0}),
        ("args.path > 5", {"path": "text"}),
        ("args.a == 1", {"a": "\ud800"}),
        ("size(args) > 0", {"a": "x" * 70_000}),
        ("size(args) > 0", {"a": list(range(3000))}),
        ("args.l.all(x, x >= 0)", {"l": list(range(600))}),
        ("broken (", {}),
    ],
)
def test_what_cannot_be_evaluated_denies_and_says_why(expression: str, args: dict[str, Any]) -> None:
    failing = rule("allow", expression, "failing")
    decision = decide([failing], FACTS, args, weigh(args, sum(len(str(each)) for each in args.values())))
    assert decision.effect == "deny"
    assert "'failing' could not be evaluated: " in decision.reason


def test_depth_never_reaches_the_library() -> None:
    deep: dict[str, Any] = {}
    for _ in range(50_000):
        deep = {"x": deep}
    assert decide([rule("deny", "size(args) == 0")], FACTS, deep, weigh(deep, 10)).effect == "deny"


# --- arguments -------------------------------------------------------------------------------------------------------


def check(schema: object, args: dict[str, Any]) -> list[str]:
    weight = weigh(args, 0)
    found = Checker(json.dumps(schema).encode()).check(args, weight.values, weight.depth)
    return [f"{each.field} {each.message}" for each in found.problems]


@pytest.mark.req("R-SVC-007")
def test_arguments_are_checked_with_the_place_named() -> None:
    item = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    schema = {"properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/item"}}}, "$defs": {"item": item}}
    assert check(schema, {"items": [{"n": 1}]}) == []
    (problem,) = check(schema, {"items": [{"n": 1}, {"n": "x"}]})
    assert problem.startswith("arguments.items.1.n ")


def doubling(levels: int) -> dict[str, Any]:
    parts = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": parts | {f"d{levels}": {"type": "object"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}},
        {"$ref": "http://127.0.0.1:9/never-fetched"},
        {"$ref": "file:///etc/hostname"},
        {"$ref": "#/$defs/missing"},
        {"type": 5},
        {"properties": {"a": {"pattern": "(?=a)b"}}},
        doubling(40),
        True,
        [],
    ],
)
def test_a_hostile_schema_neither_fetches_nor_hangs(schema: object) -> None:
    args: dict[str, Any] = {"a": "x"}
    for _ in range(40):
        args = {"a": args}
    assert isinstance(check(schema, args), list)


@given(
    st.dictionaries(
        st.sampled_from(["name", "description", "inputSchema", "annotations", "_meta", "icons"]),
        st.text(max_size=5) | st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
    )
)
def test_a_pin_is_of_what_is_pinned_in_any_order(definition: dict[str, Any]) -> None:
    found = pinned(definition)
    shuffled = pinned(dict(reversed(definition.items())) | {"_meta": {"new": 1}})
    assert (found is None) == (shuffled is None)
    if found is not None and shuffled is not None:
        assert found.pin == shuffled.pin
        changed = pinned({**definition, "description": "something else entirely"})
        assert changed is not None
        assert changed.pin != found.pin


# --- the API ---------------------------------------------------------------------------------------------------------

ALL = ("tools.read", "tools.manage", "policies.manage", "services.call", "services.read")
POLICY = {"name": "no-etc", "effect": "deny", "expression": 'args.path.startsWith("/etc")', "targets": ["files/*"]}


@pytest.fixture
async def scope(deps: Deps) -> OrgScope:
    seeded = await tenancy.seed_owner(deps, "Acme", "acme", "o@acme.example", "Owner", "a long enough password")
    return tenancy.open_system_scope(OrgId(seeded.org_id))


@pytest.fixture
async def client(deps: Deps, scope: OrgScope) -> AsyncIterator[httpx2.AsyncClient]:
    async with caller(deps, await make_key(deps, scope, ALL)) as client:
        yield client


async def key_id(client: httpx2.AsyncClient, deps: Deps, scope: OrgScope, *permissions: str) -> str:
    made, _ = await tenancy.create_key(scope, tenancy.KeyDraft("asker", permissions), deps)
    return made.id


@pytest.mark.req("HY19", "L03")
async def test_policies_through_the_api(client: httpx2.AsyncClient) -> None:
    made = await client.post("/policies", json=POLICY)
    assert made.status_code == 201, made.text
    policy = made.json()
    assert (policy["version"], policy["enabled"], policy["position"]) == (1, True, 100)
    assert (await client.post("/policies", json=POLICY)).status_code == 409
    path = f"/policies/{policy['id']}"
    changed = (await client.patch(path, json={"expression": "true", "position": 5})).json()
    assert (changed["version"], changed["expression"]) == (2, "true")
    assert (await client.patch(path, json={"position": 5})).json()["version"] == 2
    detail = (await client.get(path)).json()
    assert [each["terms"]["expression"] for each in detail["versions"]] == ["true", POLICY["expression"]]
    refused = await client.post("/policies", json={**POLICY, "name": "x", "expression": "args.a ==="})
    assert refused.status_code == 400
    (field,) = refused.json()["error"]["fields"]
    assert field["field"] == "expression"
    assert "line 1, character" in field["message"]
    first = await client.post("/policies", json={**POLICY, "name": "first", "position": 1})
    listed = (await client.get("/policies", params={"page_size": 1})).json()
    assert [each["name"] for each in listed["items"]] == ["first"]
    rest = {"cursor": listed["pagination"]["cursors"]["next"]}
    assert [each["name"] for each in (await client.get("/policies", params=rest)).json()["items"]] == ["no-etc"]
    for made_up in ((10**12, "x"), (1, 2), ("x",)):
        cursor = {"cursor": Cursor(made_up, 1).encode()}
        assert [(await client.get(each, params=cursor)).status_code for each in ("/policies", "/tools")] == [400, 400]
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert first.status_code == 201


async def test_an_expression_is_checked_while_it_is_typed(client: httpx2.AsyncClient) -> None:
    async def problem(expression: str) -> str | None:
        answer = await client.post("/policies/check", json={"expression": expression})
        assert answer.status_code == 200
        found: str | None = answer.json()["problem"]
        return found

    assert await problem(POLICY["expression"]) is None
    assert "there are args" in str(await problem("file.path == 'x'"))
    assert "1 to 1000" in str(await problem(""))
    assert (await client.get("/policies")).json()["items"] == []


async def test_hiding_and_looping_policies_are_few(client: httpx2.AsyncClient) -> None:
    for number in range(20):
        made = await client.post("/policies", json={"name": f"h{number}", "effect": "hide", "expression": "false"})
        assert made.status_code == 201
    more = {"name": "one more", "effect": "hide", "expression": "false"}
    assert (await client.post("/policies", json=more)).status_code == 409
    assert (await client.post("/policies", json={**more, "enabled": False})).status_code == 201


@pytest.mark.req("HY19", "L03")
async def test_the_simulator_says_whether_and_why(client: httpx2.AsyncClient, deps: Deps, scope: OrgScope) -> None:
    files = await hub.create_service(scope, hub.ServiceDraft("files", "tools", "http://127.0.0.1:9/mcp"), deps)

    async def shows(*definitions: dict[str, Any]) -> None:
        texts = [json.dumps(each).encode() for each in definitions]
        await tools.note_seen(scope.org_id, tools.Seen(files.id, tools.sighted(texts), True, "listing"), deps)

    await shows(READ)
    await shows(READ, DROP)
    made = (await client.post("/policies", json=POLICY)).json()
    may = await key_id(client, deps, scope, "services.call")
    may_not = await key_id(client, deps, scope, "services.read")

    async def verdict(principal: str, tool: str, arguments: dict[str, Any], **more: Any) -> tuple[str, str | None]:
        ask = {"principal": principal, "server": "files", "tool": tool, "arguments": arguments, **more}
        answer = await client.post("/policies/simulate", json=ask)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["allowed"] == (found["verdict"] == "allow")
        assert found["reason"]
        return found["verdict"], found["decided_by"]

    assert await verdict(may, "read_file", {"path": "/srv"}) == ("allow", None)
    assert await verdict(may, "read_file", {"path": "/etc/x"}) == ("deny", made["id"])
    assert await verdict(may, "read_file", {"path": 5}) == ("deny", made["id"])
    assert await verdict(may, "drop_table", {"path": "/"}) == ("held_back", None)
    assert await verdict(may, "missing", {"path": "/"}) == ("unknown", None)
    assert await verdict(may_not, "read_file", {"path": "/srv"}) == ("deny", None)
    draft = {"name": "draft", "effect": "hide", "expression": 'tool.name == "read_file"', "position": 1}
    assert await verdict(may, "read_file", {"path": "/etc/x"}, draft=draft) == ("hide", "draft")
    instead = {**draft, "expression": "false"}
    replaced = await verdict(may, "read_file", {"path": "/etc/x"}, draft=instead, replaces=made["id"])
    assert replaced == ("allow", None)
    assert await verdict(may, "read_file", {"path": 5}, draft=instead, replaces=made["id"]) == ("bad_arguments", None)
    unknown = {"principal": "key_none", "server": "files", "tool": "read_file"}
    assert (await client.post("/policies/simulate", json=unknown)).status_code == 404


@pytest.mark.req("SP6", "L03")
async def test_who_may_only_read_changes_nothing(client: httpx2.AsyncClient, deps: Deps, scope: OrgScope) -> None:
    made = (await client.post("/policies", json=POLICY)).json()
    async with caller(deps, await make_key(deps, scope, ("tools.read",))) as reader:
        assert (await reader.get("/tools")).status_code == 200
        assert (await reader.get("/tools/meter")).status_code == 200
        assert (await reader.get("/policies")).status_code == 200
        refused = [
            await reader.post("/policies", json=POLICY),
            await reader.patch(f"/policies/{made['id']}", json={"enabled": False}),
            await reader.delete(f"/policies/{made['id']}"),
            await reader.put("/tools/terms", json={"quarantine_always": True}),
            await reader.post("/tools/approve", json={"tools": [{"id": "tool_x"}]}),
            *[await reader.post(f"/tools/tool_x/{verb}", json={}) for verb in ("approve", "reject", "disable")],
            await reader.post("/tools/servers/files/refresh"),
        ]
    assert {answer.status_code for answer in refused} == {403}


@pytest.mark.req("L03")
async def test_tools_through_the_api(client: httpx2.AsyncClient, deps: Deps, scope: OrgScope) -> None:
    await client.put("/tools/terms", json={"quarantine_always": True})
    assert (await client.get("/tools/terms")).json() == {"quarantine_always": True}
    files = await hub.create_service(scope, hub.ServiceDraft("files", "tools", "http://127.0.0.1:9/mcp"), deps)
    texts = [json.dumps(each).encode() for each in (READ, DROP)]
    await tools.note_seen(scope.org_id, tools.Seen(files.id, tools.sighted(texts), True, "listing"), deps)
    waiting = (await client.get("/tools", params={"state": "quarantined", "server": "files"})).json()["items"]
    assert [each["name"] for each in waiting] == ["drop_table", "read_file"]
    assert (await client.get("/tools", params={"q": "READ a"})).json()["items"] == [waiting[1]]
    first = (await client.get("/tools", params={"page_size": 1})).json()
    after = {"page_size": 1, "cursor": first["pagination"]["cursors"]["next"]}
    assert first["items"] + (await client.get("/tools", params=after)).json()["items"] == waiting
    drop, read = waiting
    asked = {"tools": [{"id": each["id"], "pin": each["seen_pin"]} for each in waiting]}
    assert {each["state"] for each in (await client.post("/tools/approve", json=asked)).json()["items"]} == {"approved"}
    wrong = await client.post(f"/tools/{read['id']}/approve", json={"pin": "0" * 64})
    assert wrong.status_code == 409
    kept = await client.patch(f"/tools/{read['id']}", json={"cache_ttl_s": 60})
    assert (kept.json()["cache_ttl_s"], kept.json()["cache_scope"]) == (60, "private")
    gone = await client.post(
        f"/tools/{drop['id']}/deprecate", json={"note": "soon", "sunset_at": "2027-01-01T00:00:00Z"}
    )
    assert (gone.json()["state"], gone.json()["note"]) == ("deprecated", "soon")
    (meter,) = (await client.get("/tools/meter")).json()["items"]
    assert (meter["server"], meter["states"]) == ("files", {"approved": 1, "deprecated": 1})
    assert meter["tokens"] == sum(each["tokens"] for each in waiting)
    detail = (await client.get(f"/tools/{read['id']}")).json()
    assert detail["versions"][0]["definition"] == READ
    assert {line["change"] for line in detail["diff"]} == {"same"}
    unreachable = await client.post("/tools/servers/files/refresh")
    assert unreachable.json()["code"] == "UPSTREAM_UNREACHABLE"
