"""Access tokens of people: what they say, once their signature holds."""

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from portico.kernel.errors import BadKey


class Claims(msgspec.Struct):
    sub: str
    org_id: str
    scope: str
    sid: str
    exp: int
    iss: str


def read_token(key: bytes, credential: bytes) -> Claims:
    """raises BadKey: not a token, not ours, or changed. Whether it has expired is for the caller to ask."""
    try:
        token = jwt.decode(credential.decode("ascii"), OctKey.import_key(key), algorithms=["HS256"])
        claims = msgspec.convert(token.claims, Claims)
    except (JoseError, msgspec.ValidationError, ValueError) as error:
        raise BadKey from error
    if claims.iss != "portico":
        raise BadKey
    return claims
