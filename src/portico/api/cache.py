"""GET /cache, POST /cache/forget: what is kept of the org's reads, and letting go of it by hand."""

from typing import Literal

from fastapi import APIRouter

from portico.domains.audit import public as audit
from portico.kernel.scope import OrgScope
from portico.platform.cache import FAMILIES, USED_FAMILIES, Family, FamilyNumbers, ReadCache
from portico.platform.web import Ask, DepsDep, Listing, Wire, needs, whole_listing

router = APIRouter(prefix="/cache", tags=["installation"])


class CacheStalenessWire(Wire):
    """How old what the cache answered with was; null before its first answer."""

    mean_s: float | None
    max_s: float | None


class CacheFamilyWire(Wire):
    """`entries` are the org's own, with forgotten ones that still take room, and null when counting takes too long; the other
    numbers are of this process since its start."""

    family: Family
    used: bool
    kept_in: Literal["memory", "redis"]
    ttl_s: float
    hits: int
    misses: int
    errors: int
    entries: int | None
    staleness: CacheStalenessWire


class CacheForgetAsk(Ask):
    """No family means all of them."""

    family: Family | None = None


class CacheForgottenWire(Wire):
    forgotten: list[Family]


@router.get("")
async def show_cache(deps: DepsDep, scope: OrgScope = needs("settings.read")) -> Listing[CacheFamilyWire]:
    """The families of cached reads, how long each is kept, and how well it works."""
    return whole_listing([await _family(deps.cache, family, scope) for family in FAMILIES])


@router.post("/forget")
async def forget_cache(
    ask: CacheForgetAsk, deps: DepsDep, scope: OrgScope = needs("settings.manage")
) -> CacheForgottenWire:
    """Make the next reads of this org real ones, in every process; other orgs keep what they have."""
    families: list[Family] = list(FAMILIES) if ask.family is None else [ask.family]
    async with deps.uow() as tx:
        target = audit.Target("cache", ask.family or "all", ask.family or "every family")
        await audit.record(tx, scope, action="cache.forget", target=target, detail={"families": families})
        for family in families:
            tx.forget(scope.org_id, family)
    return CacheForgottenWire(forgotten=families)


async def _family(cache: ReadCache, family: Family, scope: OrgScope) -> CacheFamilyWire:
    numbers = cache.numbers.get(family, FamilyNumbers())
    return CacheFamilyWire(
        family=family,
        used=family in USED_FAMILIES,
        kept_in=cache.store.kept_in,
        ttl_s=cache.ttl_s[family],
        hits=numbers.hits,
        misses=numbers.misses,
        errors=numbers.errors,
        entries=await cache.count(scope.org_id, family),
        staleness=CacheStalenessWire(
            mean_s=round(numbers.age_sum_s / numbers.hits, 3) if numbers.hits else None,
            max_s=round(numbers.age_max_s, 3) if numbers.hits else None,
        ),
    )
