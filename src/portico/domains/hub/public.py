"""What other rooms may ask of the hub."""

from portico.domains.hub.model import Credential, Method, Price, Service, ServiceDraft, ServiceRoute, VersionRoute
from portico.domains.hub.route_store import load_routes as snapshot_services
from portico.domains.hub.service import create_service, find_service

__all__ = [
    "Credential",
    "Method",
    "Price",
    "Service",
    "ServiceDraft",
    "ServiceRoute",
    "VersionRoute",
    "create_service",
    "find_service",
    "snapshot_services",
]
