"""Stage 2: may they, and is there room. Service, permission, rates, then the budget is reserved for the worst case."""

import time
from math import ceil

from portico.domains.limits.ledger import Spend, reserve
from portico.domains.limits.rate import RateBucket
from portico.domains.usage.lines import RESERVE, encode
from portico.gateway.call import AdmittedCall, KnownCall, RawCall
from portico.gateway.choose import Choice, choose
from portico.gateway.gate import Gate
from portico.gateway.refusals import CallNotPermitted, RecordUnavailable, RouteNotFound, ServiceNotAllowed
from portico.gateway.view import ServiceView, Who
from portico.kernel.errors import NotFound, RateLimited

# What a model may write when neither the caller nor the service's card says; a bound that is never absent.
DEFAULT_OUTPUT_MAX = 4096
# Kinds that are called in the one dialect that reads what it must of them; their paths begin with its name.
_DIALECT_OF = {"tools": "mcp", "agent": "a2a"}


def admit(gate: Gate, known: KnownCall) -> AdmittedCall:
    """Check and reserve; from here on the holds must be settled, whatever happens, and recorded before the call leaves.

    raises   NotFound (404) · CallNotPermitted, ServiceNotAllowed (403) · RateLimited, BudgetExhausted (429) ·
             RecordUnavailable (503)
    cost     memory only
    """
    raw, who = known.raw, known.who
    service = known.service = find_service(gate, who, raw)
    permit(who, service)
    tightest = take_rates(gate, who, raw.address)
    bound = bound_of(raw, service) if raw.choice is None else dearest(raw, raw.choice)
    if gate.journal.trouble is not None:
        raise RecordUnavailable(gate.journal.trouble)
    holds = reserve(who.accounts, bound, raw.began_us) if who.accounts else []
    return AdmittedCall(known, service, holds, bound, tightest)


def find_service(gate: Gate, who: Who, raw: RawCall) -> ServiceView:
    if raw.is_model:
        service, kind = gate.view.find_model(who.org_id, who.scope, raw.name) or choose(gate, who, raw), "model"
    else:
        service, kind = gate.view.find_service(who.org_id, who.scope, raw.name), "service"
    if service is None or not service.visible_to(who):
        raise NotFound(kind, raw.name)
    if not raw.is_model:
        _must_be_the_way_to(service, raw)
    return service


def _must_be_the_way_to(service: ServiceView, raw: RawCall) -> None:
    """Each kind has the one way that reads what it must: the tokens of a model, the sessions of a tool server.

    As plain HTTP a model could be used past every budget of tokens and money.
    """
    kind = service.entry.kind
    if kind == "model":
        raise RouteNotFound(f"{raw.name} is a model service: call its models by name at /v1, not at a path of its own.")
    if raw.dialect != _DIALECT_OF.get(kind, "http"):
        right = f"/{_DIALECT_OF[kind]}/{raw.name}" if kind in _DIALECT_OF else f"/svc/{raw.name}/"
        raise RouteNotFound(f"{raw.name} is a service of kind {kind}: call it at {right}.")


def permit(who: Who, service: ServiceView) -> None:
    if not service.callable_by(who):
        raise CallNotPermitted("Calling services needs the permission services.call.")
    if who.services is not None and service.entry.name not in who.services:
        raise ServiceNotAllowed(service.entry.name)


def take_rates(gate: Gate, who: Who, address: str) -> tuple[RateBucket, float] | None:
    """Take one from every bucket or from none; answers the one with the least left, for the headers."""
    now_s = time.monotonic()
    tightest, least = None, 0.0
    rates = who.rates if not who.address_limits else (*gate.address_rates(who, address), *who.rates)
    for index, rate in enumerate(rates):
        wait_s = rate.bucket.take(now_s)
        if wait_s:
            for taken in rates[:index]:
                taken.bucket.give_back()
            raise RateLimited(rate.name, rate.whose, rate.bucket.rate, rate.bucket.per_s, wait_s)
        # In whole calls, as `remaining` says it, without the price of asking each bucket.
        left = rate.bucket.burst - (rate.bucket.tat - now_s) / rate.bucket.interval_s
        if tightest is None or left < least:
            tightest, least = rate.bucket, left
    return None if tightest is None else (tightest, now_s)


def bound_of(raw: RawCall, service: ServiceView) -> Spend:
    """The most this call can come to. A token is at least one byte, so the body's bytes bound the input tokens."""
    price = service.price
    if service.entry.kind != "model":
        return Spend(price.call_microusd, 0)
    tokens_in = len(raw.body or b"")
    tokens_out = 0
    if raw.bounded_output:
        tokens_out = output_bound(raw, service) * raw.choices
    return Spend(cost_of(service, tokens_in, tokens_out), tokens_in + tokens_out)


def dearest(raw: RawCall, choice: Choice) -> Spend:
    """Whichever of its models the call ends at, what was reserved covers it."""
    bounds = [bound_of(raw, option.service) for option in choice.options]
    return Spend(max(each.money_microusd for each in bounds), max(each.tokens for each in bounds))


def output_bound(raw: RawCall, service: ServiceView) -> int:
    most = service.entry.max_output_tokens or DEFAULT_OUTPUT_MAX
    return raw.output_max if raw.output_max is not None else most


def cost_of(service: ServiceView, tokens_in: int, tokens_out: int) -> int:
    """µUSD, rounded up once: a sum of calls never comes to less than what they cost."""
    price = service.price
    return price.call_microusd + ceil(
        (tokens_in * price.input_microusd_per_mtok + tokens_out * price.output_microusd_per_mtok) / 1_000_000
    )


def reserve_line(admitted: AdmittedCall, snapshot_version: int) -> bytes:
    """What the journal says before a call leaves, so that nothing it may cost can be forgotten. In the order of lines.py."""
    raw, who, entry = admitted.known.raw, admitted.known.who, admitted.service.entry
    return encode(
        (
            RESERVE,
            raw.id,
            raw.began_us,
            (who.org_id, who.scope, who.id, who.name, entry.id, entry.name, entry.kind),
            who.kind,
            raw.dialect,
            raw.operation or raw.head.method.decode(),
            raw.head.path.decode("latin-1"),
            raw.model,
            raw.brought_correlation,
            snapshot_version,
            admitted.bound.money_microusd,
            [(hold.account.id, hold.started_us, hold.amount, 0) for hold in admitted.holds],
        )
    )
