"""Stage 3: where to. Pure: versions by weight, then endpoints by health, breaker and weight, in the order to try."""

import random
import time

from portico.gateway.breaker import Breaker
from portico.gateway.call import AdmittedCall, RoutedCall
from portico.gateway.gate import Gate
from portico.gateway.refusals import BadVersion, BreakerOpen, NoEndpoint
from portico.gateway.view import ServiceView, Target, VersionView


def route(gate: Gate, admitted: AdmittedCall) -> RoutedCall:
    """Order the endpoints of one version.

    raises   BadVersion (404) · NoEndpoint, BreakerOpen (503)
    """
    service = admitted.service
    asked = admitted.known.raw.head.get(b"x-portico-version")
    version = _pick_version(service) if asked is None else _named_version(service, asked.decode("latin-1"))
    targets = version.targets
    if len(targets) > 1:
        targets = _ordered(targets)
    breakers, now = gate.breakers, time.monotonic()
    # Asked without taking: a half-open breaker's one probe is taken when the attempt is really made.
    open_to_us = [
        each for each in targets if (breaker := breakers.get(each.endpoint_id)) is None or breaker.would_admit(now)
    ]
    if not open_to_us:
        raise breaker_open(service, [breakers[target.endpoint_id] for target in targets], now)
    return RoutedCall(admitted, open_to_us)


def _pick_version(service: ServiceView) -> VersionView:
    versions = service.versions
    if not versions:
        raise NoEndpoint(service.entry.name)
    if len(versions) == 1:
        return versions[0]
    point = random.random() * service.total_weight
    for version in versions:
        point -= version.weight
        if point < 0:
            return version
    return versions[-1]


def _named_version(service: ServiceView, name: str) -> VersionView:
    for version in service.versions:
        if version.version == name:
            return version
    raise BadVersion(service.entry.name, name)


def _ordered(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Healthy ones first, each group in weighted random order; a sick one is still better than none."""
    return tuple(
        sorted(targets, key=lambda target: (not target.healthy, random.random() ** (1 / max(target.weight, 1)) * -1))
    )


def breaker_open(service: ServiceView, breakers: list[Breaker], now: float) -> BreakerOpen:
    soonest = min(breakers, key=lambda breaker: breaker.probe_at or now)
    wait_s = max((soonest.probe_at or now) - now, 1.0)
    return BreakerOpen(service.entry.name, soonest.reason or "waiting for a probe", wait_s)
