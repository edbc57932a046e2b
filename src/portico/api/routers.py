"""Every domain that speaks HTTP, by name; nothing is served that does not stand here."""

from fastapi import APIRouter

from portico.domains.agents.routes import outside as agents_outside
from portico.domains.agents.routes import router as agents
from portico.domains.audit.routes import router as audit
from portico.domains.consumers.routes import router as consumers
from portico.domains.dashboards.routes import router as dashboards
from portico.domains.events.routes import router as events
from portico.domains.hub.routes import router as hub
from portico.domains.limits.routes import router as limits
from portico.domains.models.routes import router as models
from portico.domains.notices.routes import router as notices
from portico.domains.publishing.routes import router as publishing
from portico.domains.tenancy.routes import routers as tenancy
from portico.domains.tools.routes import routers as tools
from portico.domains.usage.routes import router as usage
from portico.domains.vault.routes import router as vault
from portico.domains.webhooks.routes import router as webhooks


def domain_routers() -> tuple[APIRouter, ...]:
    return (
        *tenancy,
        hub,
        agents,
        limits,
        vault,
        # Before models, where a path ends with a name that may hold slashes.
        usage,
        models,
        *tools,
        events,
        publishing,
        consumers,
        webhooks,
        dashboards,
        notices,
        audit,
    )


def outside_routers() -> tuple[APIRouter, ...]:
    """Beside the API, for those who have no credential of it."""
    return (agents_outside,)
