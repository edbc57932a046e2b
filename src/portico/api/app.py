"""The door put together: one explicit list of routers, one explicit order of layers."""

from typing import Any, NamedTuple

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from portico import __version__
from portico.api import cache, docs_page, health, installation, measures
from portico.api.bodies import CheckBodies
from portico.api.correlation import Correlate
from portico.api.failures import AnswerFailures, answer
from portico.api.gateways import GatewayReports
from portico.api.headers import Cors, SecurityHeaders
from portico.api.health import DatabaseHealth
from portico.api.identify import API, Identify
from portico.api.installation import Installation
from portico.api.jobs import JobReports
from portico.api.measures import Measure
from portico.api.openapi import describe, operation_id
from portico.api.parameters import KnownParameters, RoutePaths
from portico.api.refused import RefusalTrail
from portico.api.routers import domain_routers, outside_routers
from portico.api.web_client import WebClient
from portico.domains.consumers import public as consumers
from portico.platform.deps import Deps
from portico.platform.settings import Loaded
from portico.platform.slow_statements import watch_statements
from portico.platform.spans import SpanSink
from portico.platform.telemetry import Metrics


def create_app(
    deps: Deps,
    feed: GatewayReports | None = None,
    loaded: Loaded | None = None,
    jobs: JobReports | None = None,
    following: consumers.Following | None = None,
    spans: SpanSink | None = None,
) -> FastAPI:
    """The ASGI application of the management door.

    feed        the gateways' reports; None in a process that has none
    loaded      the settings as they were loaded, for GET /settings; read anew when absent
    jobs        what became of the reconcilers; None in a process that runs none
    following   the consumers of the log, and how they stand; None in a process that runs none
    spans       is offered one for each request; None where none are exported
    """
    app = FastAPI(
        title="Portico",
        version=__version__,
        description="The management API. Authorization: Bearer <access token or API key>; the credential fixes org and scope.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    _fill_state(app, deps, feed, loaded)
    app.state.jobs, app.state.spans = jobs, spans
    app.state.following = following or consumers.Following()
    app.state.metrics.watch_consumers(lambda: app.state.following.readings)
    _mount(app)
    _wrap(app, deps)
    return app


def _fill_state(app: FastAPI, deps: Deps, feed: GatewayReports | None, loaded: Loaded | None) -> None:
    app.state.deps, app.state.feed = deps, feed
    app.state.installation = Installation(deps.clock.now(), loaded)
    app.state.database_health = DatabaseHealth(deps.db)
    app.state.metrics = Metrics()
    app.state.metrics.watch_cache(deps.cache)
    watch_statements(deps.db.sqlalchemy, app.state.metrics.note_slow_statement)
    if feed is not None:
        app.state.metrics.watch_gateways(lambda: [(each.gateway_id, each.counters) for each in feed.statuses()])


def _mount(app: FastAPI) -> None:
    routes = _routes(tuple(domain_routers()))
    app.router.routes.extend(routes.of_the_door)
    app.state.paths = routes.paths
    app.router.default = WebClient(app.state.deps.settings.base_url)
    describe(app)


class _Routes(NamedTuple):
    of_the_door: tuple[BaseRoute, ...]
    paths: RoutePaths


_made: dict[tuple[int, ...], _Routes] = {}


def _routes(of_domains: tuple[APIRouter, ...]) -> _Routes:
    """Made once: they depend on nothing an application is made of, and cost a quarter of a second."""
    known = tuple(map(id, of_domains))
    if known not in _made:
        _made[known] = _make_routes(of_domains)
    return _made[known]


def _make_routes(of_domains: tuple[APIRouter, ...]) -> _Routes:
    api = APIRouter(prefix=API, dependencies=[Depends(KnownParameters())])
    for router in (*of_domains, installation.router, cache.router):
        api.include_router(router)
    door = APIRouter(generate_unique_id_function=operation_id)
    for router in (api, health.router, measures.router, docs_page.router, *outside_routers()):
        door.include_router(router)
    return _Routes(tuple(door.routes), RoutePaths(door.routes))


def _wrap(app: FastAPI, deps: Deps) -> None:
    async def answer_here(request: Request, error: Any) -> Response:
        return answer(error, request, deps.clock)

    # These two would otherwise be answered by the framework, in its own words.
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer_here)
    # The last one added is the outermost.
    app.add_middleware(CheckBodies)
    app.add_middleware(Identify, door=app)
    app.add_middleware(AnswerFailures, clock=deps.clock, note=RefusalTrail(lambda: app.state.deps).note)
    app.add_middleware(Cors, origins=lambda: app.state.deps.settings.server.allowed_origins)
    app.add_middleware(SecurityHeaders, production=deps.settings.environment == "production")
    app.add_middleware(Measure, metrics=app.state.metrics)
    app.add_middleware(Correlate)
