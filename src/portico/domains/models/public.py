"""What others may ask of models."""

from portico.domains.models.gauges import DeprecatedCalls, Report
from portico.domains.models.lifecycle import tell_deprecated_use, tell_endings
from portico.domains.models.registry import RegisteredModel, list_models, offered_models
from portico.domains.models.route_store import all_entries as snapshot_routes
from portico.domains.models.rules import list_routes
from portico.domains.models.store import all_entries as snapshot_models
from portico.domains.models.wire import ModelPriceWire, ModelRouteWire, ModelWire, model_wire, price_wire, route_wire

__all__ = [
    "DeprecatedCalls",
    "ModelPriceWire",
    "ModelRouteWire",
    "ModelWire",
    "RegisteredModel",
    "Report",
    "list_models",
    "list_routes",
    "model_wire",
    "offered_models",
    "price_wire",
    "route_wire",
    "snapshot_models",
    "snapshot_routes",
    "tell_deprecated_use",
    "tell_endings",
]
