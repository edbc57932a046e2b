"""The guide's programs, taken from its text and given what Portico really sends."""

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portico.domains.webhooks.model import LADDER_S, MAX_PENDING, MAX_WEBHOOKS
from portico.platform.deps import Deps
from tests.webhooks.orgs import happen, make_webhook, send
from tests.webhooks.receivers import Request, receiver

ENGINES = ("sqlite",)
ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "webhooks.md").read_text()
TYPESCRIPT = ROOT / "web" / "node_modules" / "typescript"

_COMPILE = """
const ts = require(process.argv[1]);
const source = require("fs").readFileSync(process.argv[2], "utf8");
const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, strict: true };
const { outputText, diagnostics } = ts.transpileModule(source, { compilerOptions: options, reportDiagnostics: true });
if (diagnostics.length) throw new Error(diagnostics.map((each) => each.messageText).join());
const made = { exports: {} };
new Function("module", "exports", "require", outputText)(made, made.exports, require);
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const verdicts = cases.map(({ secret, headers, body }) =>
  made.exports.isFromPortico(secret, headers, Buffer.from(body, "base64")));
process.stdout.write(JSON.stringify(verdicts));
"""


def program(language: str, holding: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return next(block for block in blocks if holding in block)


def function(holding: str) -> Callable[[str, dict[str, str], bytes], Any]:
    names: dict[str, Any] = {}
    exec(compile(program("python", holding), "webhooks.md", "exec"), names)
    found: Callable[[str, dict[str, str], bytes], Any] = names[holding]
    return found


async def real_request(deps: Deps) -> tuple[str, Request]:
    async with receiver() as endpoint:
        made = await make_webhook(deps, endpoint.url)
        await happen(deps)
        await send(deps)
    return made.secret, endpoint.taken[0]


def cases_of(secret: str, request: Request) -> list[tuple[bool, str, dict[str, str], bytes]]:
    """What is genuine, and what differs from it in one thing."""
    timestamp = int(request.headers["x-webhook-timestamp"])
    old = {"x-webhook-timestamp": str(timestamp - 301), "webhook-timestamp": str(timestamp - 301)}
    soon = {"x-webhook-timestamp": "soon", "webhook-timestamp": "soon"}
    strange = {"x-webhook-signature": "sha256=ü", "webhook-signature": "v1,ü"}
    stranger = {"content-type": "application/json"}
    none = {"x-webhook-signature": "sha256=", "webhook-signature": "v1,"}
    two = {
        "x-webhook-signature": f"sha256={'0' * 64},{request.headers['x-webhook-signature']}",
        "webhook-signature": f"v1,AAAA {request.headers['webhook-signature']}",
    }
    return [
        (True, secret, request.headers, request.body),
        (True, secret, request.headers | two, request.body),
        (False, secret[:-2] + ("A=" if secret[-2] != "A" else "Q="), request.headers, request.body),
        (False, secret, request.headers, request.body + b" "),
        (False, secret, request.headers | old, request.body),
        (False, secret, request.headers | none, request.body),
        (False, secret, request.headers | soon, request.body),
        (False, secret, request.headers | strange, request.body),
        (False, secret, stranger, request.body),
        (False, secret, {name: value for name, value in request.headers.items() if "sign" not in name}, request.body),
    ]


@pytest.mark.req("C26", "SS26")
@pytest.mark.parametrize("name", ["event_from_portico", "is_from_portico"])
async def test_the_python_programs_take_what_is_genuine_and_nothing_else(deps: Deps, name: str) -> None:
    verify = function(name)
    secret, request = await real_request(deps)
    for genuine, key, headers, body in cases_of(secret, request):
        assert bool(verify(key, headers, body)) is genuine


@pytest.mark.req("C26", "SS26")
async def test_the_typescript_program_takes_what_is_genuine_and_nothing_else(deps: Deps, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not TYPESCRIPT.exists():
        pytest.skip("node or web/node_modules is missing: the TypeScript of the guide was not tried")
    secret, request = await real_request(deps)
    cases = cases_of(secret, request)
    source = tmp_path / "verify.ts"
    source.write_text(program("typescript", "isFromPortico"))
    asked = [
        {"secret": key, "headers": headers, "body": base64.b64encode(body).decode()} for _, key, headers, body in cases
    ]
    done = subprocess.run(
        [node, "-e", _COMPILE, str(TYPESCRIPT), str(source)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [genuine for genuine, *_ in cases]


async def test_the_body_in_the_guide_has_the_fields_that_are_sent(deps: Deps) -> None:
    _, request = await real_request(deps)
    shown = json.loads(program("json", '"evt_'))
    assert list(shown) == list(request.event)
    assert list(shown["actor"]) == list(request.event["actor"])
    named = set(re.findall(r"`((?:X-Webhook|webhook)-[\w-]+)`", GUIDE))
    sent = {name for name in request.headers if "webhook-" in name}
    assert {name.lower() for name in named} == sent


def test_the_numbers_in_the_guide_are_the_ones_that_hold() -> None:
    spoken = {1: "1 s", 5: "5 s", 30: "30 s", 120: "2 min", 600: "10 min"}
    assert f"{', '.join(spoken[step] for step in LADDER_S[:-1])} and {spoken[LADDER_S[-1]]}" in GUIDE
    assert f"{MAX_WEBHOOKS} webhooks per scope" in GUIDE
    assert f"{MAX_PENDING:,} deliveries" in GUIDE
