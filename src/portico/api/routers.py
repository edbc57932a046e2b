"""Every domain that speaks HTTP, by name."""

import importlib.util

from fastapi import APIRouter

_DOMAINS = ("tenancy", "hub", "limits", "vault", "usage", "events", "audit")


def domain_routers() -> tuple[APIRouter, ...]:
    names = [f"portico.domains.{domain}.routes" for domain in _DOMAINS]
    modules = [importlib.import_module(name) for name in names if importlib.util.find_spec(name)]
    return tuple(m.router for m in modules if hasattr(m, "router"))
