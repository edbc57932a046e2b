"""Stage 1: who calls. A key or an access token is looked up in memory; no SQL, no network."""

import hashlib
import time

from portico.gateway.call import KnownCall, RawCall
from portico.gateway.gate import Gate
from portico.gateway.token import read_token
from portico.gateway.view import View, Who
from portico.kernel.errors import BadKey, CredentialExpired, MissingCredentials, OrgSuspended


def identify(gate: Gate, raw: RawCall) -> KnownCall:
    """Find the caller behind the credential.

    raises   MissingCredentials · BadKey · CredentialExpired (401) · OrgSuspended (403)
    cost     one SHA-256 and one dictionary read for a caller seen before under this snapshot
    """
    credential = _credential(raw)
    view = gate.view
    digest = hashlib.sha256(credential).digest()
    who = view.callers.get(digest)
    if who is None:
        who = _find(gate, view, credential, digest)
        view.callers[digest] = who
        if len(view.callers) > MOST_CALLERS:
            view.callers.clear()
    if who.expires_at_us is not None and who.expires_at_us <= raw.began_us:
        raise CredentialExpired
    if not who.org_active:
        raise OrgSuspended
    return KnownCall(raw, who)


MOST_CALLERS = 100_000


def _credential(raw: RawCall) -> bytes:
    header = raw.head.get(b"authorization")
    if header is None:
        # Other vendors' clients send the key in their own header; it is the same key.
        header = raw.head.get(b"x-api-key") or raw.head.get(b"api-key")
        if header is None:
            raise MissingCredentials
        return header
    scheme, _, credential = header.partition(b" ")
    if scheme.lower() != b"bearer" or not credential:
        raise MissingCredentials
    return credential.strip()


def _find(gate: Gate, view: View, credential: bytes, digest: bytes) -> Who:
    """The digest is of a secret with full entropy, so a dictionary read on it tells a guesser nothing."""
    if credential.startswith(b"pk_"):
        return _find_key(gate, view, digest)
    return _find_person(gate, view, credential)


def _find_key(gate: Gate, view: View, digest: bytes) -> Who:
    key = view.keys.get(digest)
    if key is None:
        raise BadKey
    expires = key.expires_at_us
    if digest == key.previous_digest and key.previous_until_us is not None:
        expires = min(expires or key.previous_until_us, key.previous_until_us)
    who = Who(
        kind="key",
        id=key.id,
        name=key.name,
        org_id=key.org_id,
        scope=key.scope,
        permissions=frozenset(key.permissions),
        services=None if key.services is None else frozenset(key.services),
        org_active=view.org_active.get(key.org_id, False),
        expires_at_us=expires,
    )
    return gate.with_terms(who, key.rate_limit_per_minute)


def _find_person(gate: Gate, view: View, credential: bytes) -> Who:
    claims = read_token(gate.token_key, credential)
    if claims.exp <= time.time():
        raise CredentialExpired
    member = view.members.get((claims.sub, claims.org_id))
    if member is None or claims.sid in view.revoked:
        raise BadKey
    if member.scopes is not None and claims.scope not in member.scopes:
        raise BadKey
    who = Who(
        kind="person",
        id=member.person_id,
        name=member.name,
        org_id=member.org_id,
        scope=claims.scope,
        permissions=frozenset(member.permissions),
        services=None,
        org_active=view.org_active.get(member.org_id, False),
        expires_at_us=claims.exp * 1_000_000,
    )
    return gate.with_terms(who, None)
