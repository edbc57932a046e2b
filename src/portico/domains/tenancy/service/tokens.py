"""Access tokens: one hour, HS256, verified here and by the gateway with the same derived key."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from portico.domains.tenancy.model import NO_ORG
from portico.kernel.errors import BadKey, CredentialExpired
from portico.kernel.ids import OrgId, PersonId, SignInId
from portico.kernel.scope import ScopeName
from portico.platform.crypto import KeyRing

ISSUER = "portico"
MAX_TOKEN_CHARS = 4096


@dataclass(frozen=True, slots=True)
class Claims:
    """`role` is for the reader of the token; what the bearer may do is asked from the database."""

    person_id: PersonId
    org_id: OrgId
    scope: ScopeName
    role: str | None
    sign_in_id: SignInId


def issue_token(claims: Claims, keys: KeyRing, now: datetime, life_s: int) -> str:
    issued = int(now.timestamp())
    payload = {
        "iss": ISSUER,
        "sub": claims.person_id,
        "org_id": claims.org_id,
        "scope": claims.scope,
        "role": claims.role,
        "sid": claims.sign_in_id,
        "iat": issued,
        "exp": issued + life_s,
        "jti": secrets.token_urlsafe(12),
    }
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, payload, _key(keys))


def read_token(token: str, keys: KeyRing, now: datetime) -> Claims:
    """raises BadKey for anything that is not ours and whole, CredentialExpired for what was"""
    if len(token) > MAX_TOKEN_CHARS or not token.isascii():
        raise BadKey
    try:
        payload = jwt.decode(token, _key(keys), algorithms=["HS256"]).claims
    except (JoseError, ValueError) as error:
        raise BadKey from error
    claims, expires_at = _claims(payload), payload.get("exp")
    if claims is None or not isinstance(expires_at, int) or payload.get("iss") != ISSUER:
        raise BadKey
    if now >= datetime.fromtimestamp(expires_at, UTC):
        raise CredentialExpired
    return claims


def _claims(payload: Mapping[str, object]) -> Claims | None:
    person_id, org_id, scope = payload.get("sub"), payload.get("org_id", NO_ORG), payload.get("scope")
    sign_in_id, role = payload.get("sid"), payload.get("role")
    if not (isinstance(person_id, str) and isinstance(sign_in_id, str)):
        return None
    if not (isinstance(org_id, str) and isinstance(scope, str) and isinstance(role, str | None)):
        return None
    return Claims(PersonId(person_id), OrgId(org_id), ScopeName(scope), role, SignInId(sign_in_id))


def _key(keys: KeyRing) -> OctKey:
    return OctKey.import_key(keys.derive("tokens"))
