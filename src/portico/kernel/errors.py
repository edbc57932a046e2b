"""Refusals: each is a class that knows its answer. The registry below is the one list of codes; the docs are made from it.

Refusal                     anything Portico answers instead of doing what was asked
  InvalidInput              400, one field and what is wrong with it
  InvalidFields             400, several of them
  NotFound                  404, missing or not yours to see: the two must look the same
  NotSignedIn …             401 family
  NotPermitted              403, visible but not allowed
  Conflict                  409
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the registry: the name, its E-code, the HTTP status, and what a reader should do next."""

    name: str
    e_code: str
    status: int
    meaning: str
    next_step: str
    retryable: bool = False


REGISTRY: dict[str, Code] = {
    code.name: code
    for code in (
        Code("ROUTE_NOT_FOUND", "E9001", 404, "Nothing is served at this path.", "Check the path against /docs."),
        Code(
            "NOT_FOUND",
            "E9001",
            404,
            "It does not exist, or you may not see it.",
            "Check the id, the org and the scope of your credential.",
        ),
        Code(
            "BAD_VERSION",
            "E9002",
            404,
            "This service has no such version.",
            "List the service's versions and pick an active one.",
        ),
        Code(
            "METHOD_NOT_ALLOWED",
            "E9004",
            405,
            "This path does not take this method.",
            "Check the method against /docs.",
        ),
        Code(
            "MODEL_RETIRED",
            "E9005",
            410,
            "This model is retired.",
            "Ask for the model that the message names, or for a model route.",
        ),
        Code(
            "AGENT_NOT_REGISTERED",
            "E9006",
            404,
            "No agent of this name is registered, or you may not see it.",
            "List the agents with portico agents list, or register it: portico agents register URL.",
        ),
        Code(
            "BAD_KEY",
            "E9101",
            401,
            "The key or token is not valid.",
            "Check the credential; create a new key if it was revoked.",
        ),
        Code("EXPIRED", "E9102", 401, "The key or token has expired.", "Sign in again or rotate the key."),
        Code("MISSING_CREDENTIALS", "E9103", 401, "No credential was sent.", "Send Authorization: Bearer <key>."),
        Code(
            "BAD_SIGN_IN",
            "E9104",
            401,
            "The email and password do not match.",
            "Check both, or ask an admin for a new invitation.",
        ),
        Code("SESSION_REVOKED", "E9107", 401, "This sign-in was ended.", "Sign in again."),
        Code(
            "NOT_AUTHORIZED",
            "E9201",
            403,
            "The credential may not do this.",
            "Ask an admin of the org for the permission named in the message.",
        ),
        Code(
            "TOOL_HELD_BACK",
            "E9208",
            403,
            "The tool is not approved as it is now, or was disabled.",
            "Ask somebody with the permission tools.manage to look at it; portico tools list shows what waits.",
        ),
        Code(
            "POLICY_DENIED",
            "E9209",
            403,
            "A policy of the org denies this call.",
            "Read the reason; portico policies simulate says what would be allowed.",
        ),
        Code("ORG_SUSPENDED", "E9202", 403, "The org is suspended.", "Ask the platform's operator to resume it."),
        Code(
            "SERVICE_NOT_ALLOWED",
            "E9203",
            403,
            "This key may not call this service.",
            "Add the service to the key's allowed services.",
        ),
        Code(
            "ROLE_REQUIRED",
            "E9206",
            403,
            "Your role does not include this.",
            "Ask an admin of the org for the role or a grant.",
        ),
        Code(
            "SCOPE_MISMATCH",
            "E9207",
            403,
            "The credential belongs to another scope.",
            "Use a key of the scope you mean.",
        ),
        Code(
            "BAD_IDEMPOTENCY_KEY",
            "E9301",
            400,
            "The idempotency key cannot be used.",
            "Send a fresh UUID, or the same key with the same body.",
        ),
        Code(
            "INVALID_INPUT",
            "E9302",
            400,
            "Something in the request is not valid.",
            "Correct the fields listed and send it again.",
        ),
        Code(
            "TOO_LARGE", "E9304", 413, "The body is larger than allowed.", "Send less, or raise gateway.max_body_bytes."
        ),
        Code("BAD_JSON", "E9305", 400, "The body is not valid JSON.", "Check the body and its Content-Type."),
        Code("BAD_REQUEST", "E9306", 400, "The request is malformed or ambiguous.", "Use a standard HTTP/1.1 client."),
        Code("NUL_BYTE", "E9307", 400, "The request holds a NUL character.", "Remove it."),
        Code("QUERY_TOO_LONG", "E9308", 414, "The query string is too long.", "Send the data in the body."),
        Code(
            "HEADERS_TOO_LARGE",
            "E9309",
            431,
            "The headers are too many or too large.",
            "Send fewer or smaller headers.",
        ),
        Code(
            "RATE_LIMITED",
            "E9401",
            429,
            "A rate limit was reached.",
            "Wait until the time given, then try again.",
            True,
        ),
        Code(
            "BUDGET_EXHAUSTED",
            "E9402",
            429,
            "A budget has no room for this call.",
            "Wait for the window to reset or raise the budget.",
            True,
        ),
        Code("CONFLICT", "E9501", 409, "It conflicts with what is there.", "Read the current state and try again."),
        Code("IN_USE", "E9502", 409, "It is still in use.", "Detach what uses it first."),
        Code(
            "IDEMPOTENCY_IN_FLIGHT",
            "E9503",
            409,
            "The first call with this idempotency key still runs.",
            "Wait for it and repeat.",
            True,
        ),
        Code(
            "WEBHOOK_URL",
            "E9701",
            400,
            "The address cannot be a webhook's.",
            "Give a full https:// address without a user name or a fragment.",
        ),
        Code(
            "WEBHOOK_DELIVERY",
            "E9702",
            502,
            "The webhook's endpoint did not accept the delivery.",
            "Look at the attempts of the delivery; it can be sent again once the endpoint answers 2xx.",
            True,
        ),
        Code(
            "WEBHOOK_SIGNATURE",
            "E9703",
            400,
            "The signature of a webhook does not match.",
            "Check the raw body, the secret, and that the clock of the receiver is right.",
        ),
        Code(
            "EGRESS_REFUSED",
            "E9704",
            403,
            "The address is not one Portico may call.",
            "Use a public address, or have the operator allow the range in upstream.allowed_private_ranges; no setting opens a "
            "metadata address.",
        ),
        Code(
            "WEBHOOK_TLS",
            "E9705",
            400,
            "The webhook's endpoint has no trustworthy https.",
            "Use https:// with a certificate that a public authority signed, or name yours in upstream.ca_file.",
        ),
        Code(
            "WEBHOOK_TIMEOUT",
            "E9706",
            504,
            "The webhook's endpoint did not answer in time.",
            "Answer 2xx within 10 seconds and do the work afterwards.",
            True,
        ),
        Code(
            "BREAKER_OPEN",
            "E9801",
            503,
            "The service's breaker is open.",
            "Wait for the probe; look at the service's recent failures.",
            True,
        ),
        Code(
            "UPSTREAM_UNREACHABLE",
            "E9802",
            502,
            "The service could not be reached.",
            "Check that the service runs at its endpoint.",
            True,
        ),
        Code(
            "UPSTREAM_TIMEOUT",
            "E9803",
            504,
            "The service did not answer in time.",
            "Raise the service's timeout or look at its load.",
            True,
        ),
        Code(
            "UPSTREAM_BROKEN",
            "E9805",
            502,
            "The service's answer broke off or was malformed.",
            "Look at the service's log for this correlation id.",
            True,
        ),
        Code(
            "TOO_MANY_WAITING",
            "E9804",
            503,
            "Too many calls already wait for this service.",
            "Try again shortly, or add endpoints.",
            True,
        ),
        Code(
            "NO_ENDPOINT",
            "E9806",
            503,
            "The service has no endpoint that can take the call.",
            "Add an endpoint or wait for a health check.",
            True,
        ),
        Code(
            "NO_MODEL",
            "E9807",
            503,
            "No model of this route can take the call now.",
            "The message says why for each; try again later, ask for less, or change the route's rules.",
            True,
        ),
        Code(
            "AGENT_NOT_RESPONDING",
            "E9808",
            504,
            "The agent did not answer in time, or could not be reached.",
            "Look at its health with portico agents health NAME; start it again, or raise the service's timeout.",
            True,
        ),
        Code(
            "AGENT_CARD_MISSING",
            "E9809",
            503,
            "The agent's card was not read yet, or holds no interface that can be used.",
            "Ask portico agents show NAME for what is wrong with the card; read it again with portico agents refresh NAME.",
            True,
        ),
        Code(
            "LAPSED",
            "E9904",
            500,
            "The gateway died while the call was under way.",
            "Nothing needs to be done; what the call had reserved was charged in full.",
        ),
        Code(
            "INTERNAL",
            "E9901",
            500,
            "Something went wrong inside Portico.",
            "Quote the correlation id to the operator.",
            True,
        ),
        Code("NOT_READY", "E9902", 503, "Portico is starting, draining or out of date.", "Try again shortly.", True),
        Code(
            "RECORD_UNAVAILABLE",
            "E9903",
            503,
            "Calls cannot be recorded, so none are taken.",
            "Free disk space under the data folder.",
            True,
        ),
        Code(
            "DATABASE_UNAVAILABLE",
            "E9907",
            503,
            "The database does not answer.",
            "Check the database; run portico doctor.",
            True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class FieldError:
    field: str
    message: str


class Refusal(Exception):
    """What Portico answers instead of doing what was asked; doors encode it, nobody else formats."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, details: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    @property
    def row(self) -> Code:
        return REGISTRY[self.code]

    @property
    def fields(self) -> tuple[FieldError, ...]:
        return ()

    @property
    def retry_after_s(self) -> float | None:
        return None


class InvalidFields(Refusal):
    code = "INVALID_INPUT"

    def __init__(self, fields: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in fields))
        self._fields = fields

    @property
    def fields(self) -> tuple[FieldError, ...]:
        return self._fields


class InvalidInput(InvalidFields):
    def __init__(self, field: str, message: str) -> None:
        super().__init__((FieldError(field, message),))


class NotFound(Refusal):
    """Missing, or not yours to see; the two answers are the same on purpose."""

    code = "NOT_FOUND"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"There is no {kind} {name!r} here.")


class MissingCredentials(Refusal):
    code = "MISSING_CREDENTIALS"

    def __init__(self) -> None:
        super().__init__("This needs a key or a sign-in.")


class BadKey(Refusal):
    code = "BAD_KEY"

    def __init__(self) -> None:
        super().__init__("The key or token is not valid.")


class CredentialExpired(Refusal):
    code = "EXPIRED"

    def __init__(self) -> None:
        super().__init__("The key or token has expired.")


class OrgSuspended(Refusal):
    code = "ORG_SUSPENDED"

    def __init__(self) -> None:
        super().__init__("This org is suspended; nothing in it can be used.")


class NotPermitted(Refusal):
    code = "ROLE_REQUIRED"

    def __init__(self, permission: str) -> None:
        super().__init__(f"This needs the permission {permission}.")
        self.permission = permission


class Conflict(Refusal):
    code = "CONFLICT"


class InUse(Refusal):
    code = "IN_USE"


class RateLimited(Refusal):
    """Names the limit, whose it is and until when."""

    code = "RATE_LIMITED"

    def __init__(self, limit: str, whose: str, rate: int, per_s: float, retry_after_s: float) -> None:
        super().__init__(
            f"The rate limit {limit!r} of {whose} ({rate} per {per_s:g} s) is reached; try again in {retry_after_s:.1f} s."
        )
        self.limit, self.rate = limit, rate
        self._retry_after_s = retry_after_s

    @property
    def retry_after_s(self) -> float | None:
        return self._retry_after_s


class BudgetExhausted(Refusal):
    """Names the budget, whose it is, what is left, what was asked and when it resets."""

    code = "BUDGET_EXHAUSTED"

    def __init__(
        self, budget: str, whose: str, left: str, asked: str, resets_at: datetime, retry_after_s: float
    ) -> None:
        super().__init__(
            f"The budget {budget!r} of {whose} has {left} left and this call may cost up to {asked}; it resets at "
            f"{resets_at.isoformat(timespec='seconds').replace('+00:00', 'Z')}."
        )
        self.resets_at = resets_at
        self._retry_after_s = retry_after_s

    @property
    def retry_after_s(self) -> float | None:
        return self._retry_after_s
