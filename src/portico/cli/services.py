"""Services: everything callable, with versions, endpoints, leases and breakers."""

import json as jsonlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from portico.cli.failures import WrongUsage
from portico.cli.output import Column, moment, put_json, put_table, say, shown
from portico.cli.shell import Cursor, Json, Limit, Yes, shell_of

services = typer.Typer(no_args_is_help=True, help="Services: everything that can be called.")
versions = typer.Typer(no_args_is_help=True, help="Versions of a service and their share of the calls.")
endpoints = typer.Typer(no_args_is_help=True, help="Where a version runs.")
lease = typer.Typer(no_args_is_help=True, help="Endpoints that register themselves and must be renewed.")
services.add_typer(versions, name="versions")
services.add_typer(endpoints, name="endpoints")
services.add_typer(lease, name="lease")

Name = Annotated[str, typer.Argument(help="The service's name.")]
Version = Annotated[str, typer.Argument(help="e.g. v2")]


def _versions_of(service: Any) -> str:
    return ", ".join(f"{each['version']} ({each['weight']})" for each in service["versions"]) or "-"


def _credential_of(service: Any) -> str:
    credential = service.get("credential")
    return f"secret {credential['secret_name']} as {credential['header']}" if credential else "-"


def _methods_of(service: Any) -> str:
    return "\n         ".join(f"{m['name']}  {m['http_method']} {m['path']}" for m in service["methods"]) or "-"


SERVICE_COLUMNS = (
    Column("NAME", "name"),
    Column("KIND", "kind"),
    Column("STATUS", "status"),
    Column("SCOPE", lambda service: service["scope"] or "all"),
    Column("VERSIONS", _versions_of),
    Column("MODELS", "models"),
    Column("DESCRIPTION", "description"),
)
SERVICE_FIELDS = (
    Column("Name", "name"),
    Column("Kind", "kind"),
    Column("Status", "status"),
    Column("About", "description"),
    Column("Address", "endpoint_url"),
    Column("Scope", lambda service: service["scope"] or "all"),
    Column("Visible", "visibility"),
    Column("Tags", "tags"),
    Column("Models", "models"),
    Column("Methods", _methods_of),
    Column("Timeout", lambda service: "default" if service["timeout_s"] is None else f"{service['timeout_s']} s"),
    Column("Retries", "max_retries"),
    Column("Secret", _credential_of),
    Column("Health", "health_path"),
    Column("Id", "id"),
)
ENDPOINT_COLUMNS = (
    Column("VERSION", "version"),
    Column("WEIGHT", "weight", right=True),
    Column("HEALTH", "health"),
    Column("BREAKER", "breaker.state"),
    Column("URL", "url"),
    Column("CHECKED", moment("last_checked_at")),
    Column("LEASE UNTIL", moment("lease_expires_at")),
    Column("ID", "id"),
)


def endpoints_of(service: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**each, "version": version["version"]} for version in service["versions"] for each in version["endpoints"]]


def _show(service: dict[str, Any], context: typer.Context, *, as_json: bool) -> None:
    shell_of(context).show_one(service, SERVICE_FIELDS, as_json=as_json)
    if not as_json:
        put_table(endpoints_of(service), ENDPOINT_COLUMNS, empty="It has no endpoints.")


@services.command("list")
def list_services(
    context: typer.Context,
    search: Annotated[str | None, typer.Option(help="Part of a name or description.")] = None,
    kind: Annotated[str | None, typer.Option(help="http, model or tools.")] = None,
    status: Annotated[str | None, typer.Option(help="healthy, degraded, unhealthy or unknown.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only with this tag.")] = None,
    sort: Annotated[str | None, typer.Option(help="name, -created_at, ...")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """What can be called."""
    shell = shell_of(context)
    params = {"q": search, "kind": kind, "status": status, "tag": tag, "sort": sort}
    page = shell.api.page("/services", params | {"page_size": limit, "cursor": cursor})
    shell.show_page(page, SERVICE_COLUMNS, as_json=json, empty="No service yet; add one: portico services add")


@services.command("show")
def show_service(context: typer.Context, name: Name, json: Json = False) -> None:
    """One service with its endpoints."""
    _show(shell_of(context).api.get(f"/services/{name}"), context, as_json=json)


@services.command("search")
def search_services(
    context: typer.Context,
    words: Annotated[str, typer.Argument(help="What it is about.")],
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Least likeness.")] = 0.5,
    limit: Limit = 10,
    json: Json = False,
) -> None:
    """Find a service by words that are close to its name, description or capabilities."""
    shell = shell_of(context)
    found = shell.api.get("/services/search", {"q": words, "threshold": threshold, "max_results": limit})
    if json:
        put_json(found)
        return
    columns = (
        Column("NAME", "service.name"),
        Column("KIND", "service.kind"),
        Column("SCORE", lambda hit: f"{hit['score']:.2f}", right=True),
        Column("WHY", "match_reason"),
    )
    put_table(found["items"], columns, empty="Nothing is close to that.")


def draft_from(
    file: Path | None,
    texts: dict[str, Any],
    lists: dict[str, list[str] | None],
    credential: str | None,
) -> dict[str, Any]:
    """The options on top of the file; what is in neither is left to the API's defaults."""
    draft: dict[str, Any] = {}
    if file is not None:
        try:
            draft = jsonlib.loads(sys.stdin.read() if str(file) == "-" else file.read_text())
        except (OSError, ValueError) as error:
            raise WrongUsage(f"{file} cannot be read as JSON: {error}") from error
    draft |= {name: value for name, value in texts.items() if value is not None}
    draft |= {name: value for name, value in lists.items() if value}
    if credential:
        secret_name, _, header = credential.partition(":")
        # The usual shape of a bearer credential; any other header takes the bare secret.
        form = "{secret}" if header else "Bearer {secret}"
        draft["credential"] = {"secret_name": secret_name, "header": header or "Authorization", "format": form}
    return draft


File = Annotated[Path | None, typer.Option("--file", "-f", help="A draft as JSON; - reads it from stdin.")]
Text = Annotated[str | None, typer.Option()]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="Repeat it.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="A model it serves; repeat it.")]
Credential = Annotated[
    str | None, typer.Option(help="Name of the secret to send upstream, as bearer; or name:Header-Name.")
]
HealthPath = Annotated[str | None, typer.Option("--health-path", help="Path that answers 2xx when it is well.")]
TimeoutS = Annotated[float | None, typer.Option("--timeout-s", min=0.1, help="Longest wait for an answer to begin.")]
Retries = Annotated[int | None, typer.Option("--max-retries", min=0, help="Tries after a failed first one.")]
About = Annotated[str | None, typer.Option(help="What it does.")]


@services.command("add")
def add_service(
    context: typer.Context,
    name: Name,
    url: Annotated[str | None, typer.Option(help="Where its first endpoint is.")] = None,
    kind: Annotated[str | None, typer.Option(help="http, model or tools.")] = None,
    description: About = None,
    health_path: HealthPath = None,
    tag: Tags = None,
    model: Models = None,
    credential: Credential = None,
    timeout_s: TimeoutS = None,
    max_retries: Retries = None,
    file: File = None,
    json: Json = False,
) -> None:
    """Register a service; what the options do not cover goes into --file (see docs/guides)."""
    texts: dict[str, Any] = {
        "name": name,
        "url": url,
        "kind": kind,
        "description": description,
        "health_path": health_path,
    }
    texts |= {"timeout_s": timeout_s, "max_retries": max_retries}
    draft = {"kind": "http"} | draft_from(file, texts, {"tags": tag, "models": model}, credential)
    if "url" not in draft:
        raise WrongUsage("A service needs an address.", next_step="add --url http://host:port")
    _show(shell_of(context).api.post("/services", draft), context, as_json=json)


@services.command("edit")
def edit_service(
    context: typer.Context,
    name: Name,
    description: About = None,
    health_path: HealthPath = None,
    tag: Tags = None,
    model: Models = None,
    credential: Credential = None,
    timeout_s: TimeoutS = None,
    max_retries: Retries = None,
    file: File = None,
    json: Json = False,
) -> None:
    """Change a service; what is not named stays."""
    texts: dict[str, Any] = {
        "description": description,
        "health_path": health_path,
        "timeout_s": timeout_s,
        "max_retries": max_retries,
    }
    change = draft_from(file, texts, {"tags": tag, "models": model}, credential)
    _show(shell_of(context).api.patch(f"/services/{name}", change), context, as_json=json)


@services.command("remove")
def remove_service(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Remove a service; calls to it are refused from now on, the record of past ones stays."""
    shell = shell_of(context)
    shell.confirm(f"Remove the service {name}?", yes=yes)
    shell.api.delete(f"/services/{name}")
    say(f"Removed {name}.")


@services.command("check")
def check_service(context: typer.Context, name: Name, json: Json = False) -> None:
    """Ask its endpoints for their health now."""
    _show(shell_of(context).api.post(f"/services/{name}/check"), context, as_json=json)


@services.command("breaker-reset")
def reset_breaker(context: typer.Context, name: Name, json: Json = False) -> None:
    """Close the breakers of a service, when you know that it is well again."""
    _show(shell_of(context).api.post(f"/services/{name}/breaker/reset"), context, as_json=json)


@versions.command("list")
def list_versions(context: typer.Context, name: Name, json: Json = False) -> None:
    """The versions of a service."""
    found = shell_of(context).api.get(f"/services/{name}")["versions"]
    if json:
        put_json(found)
        return
    total = sum(each["weight"] for each in found if each["status"] == "active") or 1
    columns = (
        Column("VERSION", "version"),
        Column("STATUS", "status"),
        Column("WEIGHT", "weight", right=True),
        Column(
            "SHARE",
            lambda each: f"{each['weight'] / total:.0%}" if each["status"] == "active" else "-",
            right=True,
        ),
        Column("ENDPOINTS", lambda each: shown([endpoint["url"] for endpoint in each["endpoints"]])),
    )
    put_table(found, columns)


@versions.command("add")
def add_version(
    context: typer.Context,
    name: Name,
    version: Version,
    url: Annotated[str, typer.Option(help="Its first endpoint.")],
    weight: Annotated[int, typer.Option(min=0, help="Its share, relative to the others.")] = 0,
    json: Json = False,
) -> None:
    """Add a version; with weight 0 it takes calls only when asked for."""
    draft = {"version": version, "weight": weight, "url": url}
    _show(shell_of(context).api.post(f"/services/{name}/versions", draft), context, as_json=json)


@versions.command("edit")
def edit_version(
    context: typer.Context,
    name: Name,
    version: Version,
    weight: Annotated[int | None, typer.Option(min=0, help="Its share, relative to the others.")] = None,
    status: Annotated[str | None, typer.Option(help="active or deprecated.")] = None,
    json: Json = False,
) -> None:
    """Move calls from one version to another."""
    every = {"weight": weight, "status": status}
    change = {field: value for field, value in every.items() if value is not None}
    _show(shell_of(context).api.patch(f"/services/{name}/versions/{version}", change), context, as_json=json)


@versions.command("remove")
def remove_version(context: typer.Context, name: Name, version: Version, yes: Yes = False) -> None:
    """Remove a version with its endpoints."""
    shell = shell_of(context)
    shell.confirm(f"Remove version {version} of {name}?", yes=yes)
    shell.api.delete(f"/services/{name}/versions/{version}")
    say(f"Removed {version} of {name}.")


@endpoints.command("list")
def list_endpoints(context: typer.Context, name: Name, json: Json = False) -> None:
    """Where a service runs and how each endpoint is."""
    found = endpoints_of(shell_of(context).api.get(f"/services/{name}"))
    if json:
        put_json(found)
    else:
        put_table(found, ENDPOINT_COLUMNS)


@endpoints.command("add")
def add_endpoint(
    context: typer.Context,
    name: Name,
    url: str,
    version: Annotated[str, typer.Option(help="Which version runs there.")] = "v1",
    weight: Annotated[int, typer.Option(min=0, help="Its share within the version.")] = 1,
    json: Json = False,
) -> None:
    """Add a place where a version runs."""
    path = f"/services/{name}/versions/{version}/endpoints"
    _show(shell_of(context).api.post(path, {"url": url, "weight": weight}), context, as_json=json)


@endpoints.command("edit")
def edit_endpoint(
    context: typer.Context,
    name: Name,
    endpoint_id: str,
    weight: Annotated[int, typer.Option(min=0, help="0 takes it out of turn.")],
    json: Json = False,
) -> None:
    """Change an endpoint's share."""
    path = f"/services/{name}/endpoints/{endpoint_id}"
    _show(shell_of(context).api.patch(path, {"weight": weight}), context, as_json=json)


@endpoints.command("remove")
def remove_endpoint(context: typer.Context, name: Name, endpoint_id: str, yes: Yes = False) -> None:
    """Remove an endpoint."""
    shell = shell_of(context)
    shell.confirm(f"Remove the endpoint {endpoint_id} of {name}?", yes=yes)
    shell.api.delete(f"/services/{name}/endpoints/{endpoint_id}")
    say(f"Removed {endpoint_id}.")


LEASE_FIELDS = (
    Column("Lease", "lease_id"),
    Column("Endpoint", "endpoint_id"),
    Column("Until", "expires_at"),
)


@lease.command("take")
def take_lease(
    context: typer.Context,
    name: Name,
    url: str,
    ttl_s: Annotated[int, typer.Option("--ttl-s", min=1, help="Seconds until it must be renewed.")] = 30,
    version: Annotated[str | None, typer.Option(help="Which version runs there.")] = None,
    json: Json = False,
) -> None:
    """Register an endpoint that lives only as long as it is renewed."""
    ask = {"url": url, "ttl_s": ttl_s} | ({"version": version} if version else {})
    shell = shell_of(context)
    shell.show_one(shell.api.post(f"/services/{name}/leases", ask), LEASE_FIELDS, as_json=json)


@lease.command("renew")
def renew_lease(context: typer.Context, name: Name, lease_id: str, json: Json = False) -> None:
    """Keep a leased endpoint for another term."""
    shell = shell_of(context)
    shell.show_one(shell.api.put(f"/services/{name}/leases/{lease_id}"), LEASE_FIELDS, as_json=json)


@lease.command("release")
def release_lease(context: typer.Context, name: Name, lease_id: str) -> None:
    """Take a leased endpoint out."""
    shell_of(context).api.delete(f"/services/{name}/leases/{lease_id}")
    say(f"Released {lease_id}.")
