"""HTTP of tenancy; the API door mounts `routers` under /api/v1."""

from fastapi import APIRouter

from portico.domains.tenancy.routes import auth, grants, invitations, keys, members, orgs, superadmins

routers: list[APIRouter] = [
    auth.router,
    auth.tickets,
    orgs.router,
    orgs.scopes,
    superadmins.router,
    members.router,
    invitations.router,
    grants.router,
    keys.router,
]
