"""What the routes of the door are, asked of the door itself, so that no list has to be kept."""

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from portico.kernel.errors import FieldError, InvalidFields


class RoutePaths:
    """The full path template of the route that serves a request; a route itself only knows the part after its prefix."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._paths = {id(each.original_route): each.path or "" for each in iter_route_contexts(routes)}

    def of(self, route: object) -> str | None:
        return self._paths.get(id(route))


class KnownParameters:
    """A dependency of every API route: an unknown query parameter is refused, for a misspelt filter must not show everything."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    async def __call__(self, request: Request) -> None:
        if not request.scope["query_string"]:
            return
        paths: RoutePaths = request.app.state.paths
        known = self._of(request.app, request.method, paths.of(request.scope["route"]) or "")
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            raise InvalidFields(
                tuple(FieldError(name[:80], "is not a parameter of this path") for name in unknown[:20])
            )

    def _of(self, app: FastAPI, method: str, path: str) -> frozenset[str]:
        if not self._known:
            for full_path, operations in app.openapi()["paths"].items():
                for name, operation in operations.items():
                    self._known[name.upper(), full_path] = frozenset(
                        each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"
                    )
        return self._known.get((method, path), frozenset())
