"""What other rooms may ask of the hub."""

from portico.domains.hub.breakers import readings as breaker_readings
from portico.domains.hub.health import HealthStatus, check_health
from portico.domains.hub.leases import expire_leases
from portico.domains.hub.model import (
    Credential,
    Gateways,
    Method,
    Price,
    Service,
    ServiceDraft,
    ServiceRoute,
    VersionRoute,
)
from portico.domains.hub.route_store import load_routes as snapshot_services
from portico.domains.hub.service import (
    add_house_service,
    create_service,
    environment_of,
    find_service,
    find_service_by_id,
    find_service_in,
    list_services,
    load_service,
    remove_service,
)
from portico.domains.hub.show import prepare_with as prepare_showing
from portico.domains.hub.store import ids_of_kind, name_of_service, names_of_kind, services_by_id, services_of_kind
from portico.domains.hub.warm import warm_summaries

__all__ = [
    "Credential",
    "Gateways",
    "HealthStatus",
    "Method",
    "Price",
    "Service",
    "ServiceDraft",
    "ServiceRoute",
    "VersionRoute",
    "add_house_service",
    "breaker_readings",
    "check_health",
    "create_service",
    "environment_of",
    "expire_leases",
    "find_service",
    "find_service_by_id",
    "find_service_in",
    "ids_of_kind",
    "list_services",
    "load_service",
    "name_of_service",
    "names_of_kind",
    "prepare_showing",
    "remove_service",
    "services_by_id",
    "services_of_kind",
    "snapshot_services",
    "warm_summaries",
]
