from typing import Annotated, Any, Literal

from pydantic import Field

from portico.domains.hub.model import (
    BreakerState,
    Credential,
    Health,
    HttpMethod,
    Method,
    Price,
    ServiceDraft,
    ServiceKind,
    ServiceStatus,
    VersionStatus,
    Visibility,
)
from portico.kernel.scope import ScopeName
from portico.platform.web import Ask, Moment, Patch, Wire

Text = Annotated[str, Field(max_length=2000)]
Word = Annotated[str, Field(max_length=63)]
Words = Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=200)]
Url = Annotated[str, Field(min_length=1, max_length=2000)]
Json = dict[str, Any]


class PriceAsk(Ask):
    input_microusd_per_mtok: int = 0
    output_microusd_per_mtok: int = 0
    call_microusd: int = 0


class CredentialAsk(Ask):
    secret_name: Word
    header: Annotated[str, Field(max_length=64)] = "Authorization"
    format: Annotated[str, Field(max_length=200)] = "Bearer {secret}"


class MethodAsk(Ask):
    name: Word
    http_method: HttpMethod = "GET"
    path: Annotated[str, Field(max_length=500)]
    description: Text = ""
    parameters: Json = Field(default_factory=lambda: {"type": "object"})


class _Common(Ask):
    description: Text = ""
    layer: Word | None = None
    tags: Words = Field(default_factory=list)
    capabilities: Words = Field(default_factory=list)
    visibility: Visibility = "org"
    timeout_s: float | None = None
    max_retries: int = 2
    cache_ttl_s: int = 0
    price: PriceAsk | None = None
    models: Words = Field(default_factory=list)
    max_output_tokens: int | None = None
    credential: CredentialAsk | None = None
    health_path: Annotated[str, Field(max_length=500)] | None = None
    methods: Annotated[list[MethodAsk], Field(max_length=100)] = Field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Only what was sent, as facts of the model."""
        sent: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        for words in ("tags", "capabilities", "models"):
            if words in sent:
                sent[words] = tuple(sent[words])
        if isinstance(self.price, PriceAsk) and "price" in sent:
            sent["price"] = Price(**self.price.model_dump())
        if isinstance(self.credential, CredentialAsk) and "credential" in sent:
            sent["credential"] = Credential(**self.credential.model_dump())
        if "methods" in sent:
            sent["methods"] = tuple(Method(**method.model_dump()) for method in self.methods)
        return sent


class ServiceAsk(_Common):
    name: Word
    kind: Literal["http", "model", "tools", "agent"]
    scope: Word | None = None
    url: Url

    def draft(self) -> ServiceDraft:
        facts = self.facts()
        scope = facts.pop("scope", None)
        return ServiceDraft(**facts, scope=None if scope is None else ScopeName(scope))


class ServicePatch(_Common, Patch):
    """What is left out stays as it is; name, kind, scope and endpoints are not changed here."""


class VersionAsk(Ask):
    version: Word
    weight: int = 0
    url: Url


class VersionPatch(Patch):
    weight: int | None = None
    status: VersionStatus | None = None


class EndpointAsk(Ask):
    url: Url
    weight: int = 1


class EndpointPatch(Ask):
    weight: int


class LeaseAsk(Ask):
    url: Url
    version: Word | None = None
    ttl_s: int = 60


class InvokeAsk(Ask):
    method: Word
    parameters: Json = Field(default_factory=dict)
    timeout_s: Annotated[float, Field(gt=0, le=300)] | None = None


class OwnerWire(Wire):
    org_id: str
    name: str


class BreakerWire(Wire):
    state: BreakerState
    reason: str
    since: Moment
    probe_at: Moment | None


class EndpointWire(Wire):
    id: str
    url: str
    weight: int
    health: Health
    last_checked_at: Moment | None
    last_error: str | None
    failures: int
    lease_expires_at: Moment | None
    breaker: BreakerWire | None


class VersionWire(Wire):
    id: str
    version: str
    weight: int
    status: VersionStatus
    endpoints: list[EndpointWire]


class MethodWire(Wire):
    name: str
    http_method: HttpMethod
    path: str
    description: str
    parameters: Json


class PriceWire(Wire):
    input_microusd_per_mtok: int
    output_microusd_per_mtok: int
    call_microusd: int


class CredentialWire(Wire):
    secret_name: str
    header: str
    format: str


class ServiceWire(Wire):
    id: str
    name: str
    kind: ServiceKind
    description: str
    layer: str | None
    tags: list[str]
    capabilities: list[str]
    visibility: Visibility
    owner: OwnerWire
    scope: str | None
    status: ServiceStatus
    versions: list[VersionWire]
    methods: list[MethodWire]
    timeout_s: float
    max_retries: int
    cache_ttl_s: int
    price: PriceWire | None
    models: list[str]
    max_output_tokens: int | None
    credential: CredentialWire | None
    health_path: str | None
    created_at: Moment
    updated_at: Moment
    endpoint_url: str


class ServiceMatchWire(Wire):
    service: ServiceWire
    score: float
    match_reason: str


class ServiceMatchListWire(Wire):
    items: list[ServiceMatchWire]


class LeaseWire(Wire):
    lease_id: str
    endpoint_id: str
    expires_at: Moment


class InvokedWire(Wire):
    call_id: str | None
    status: int
    headers: dict[str, str]
    body: Any
    duration_ms: int
