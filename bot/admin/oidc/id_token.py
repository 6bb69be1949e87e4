"""The ID token: whose login it tells of, and whether it was meant for this one.

OpenID Connect Core 1.0, 3.1.3.7. Its signature is checked by joserfc, its claims by Authlib.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwk import KeySet

from bot.admin.oidc.errors import Fault, OidcError

#: Signatures with the provider's private key; never "none", and never our shared secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
#: How far the clocks may be apart.
LEEWAY_S = 60
#: A longer token is not looked at.
MAX_CHARS = 64 * 1024

_FAULTS = {
    "iss": Fault.ISSUER,
    "aud": Fault.AUDIENCE,
    "azp": Fault.AUDIENCE,
    "nonce": Fault.NONCE,
    "exp": Fault.CLOCK,
    "iat": Fault.CLOCK,
    "nbf": Fault.CLOCK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the token of a login must say."""

    issuer: str
    client_id: str
    nonce: str
    now: int  #: seconds since the epoch


def read_id_token(
    tokens: Mapping[str, Any], keys: Mapping[str, Any], expected: Expected
) -> dict[str, Any]:
    """The claims of a response of the token endpoint. Raises OidcError."""
    raw = tokens.get("id_token")
    if not isinstance(raw, str) or len(raw) > MAX_CHARS:
        raise OidcError(Fault.TOKEN)
    try:
        token = jwt.decode(raw, KeySet.import_key_set(dict(keys)), algorithms=ALGORITHMS)  # type: ignore[arg-type]  # any JSON
    except (JoseError, ValueError, KeyError, TypeError):
        raise OidcError(Fault.SIGNATURE) from None
    claims = CodeIDToken(
        token.claims,
        token.header,
        options={
            "iss": {"essential": True, "value": expected.issuer},
            "aud": {"essential": True, "value": expected.client_id},
            "sub": {"essential": True},
        },
        params={
            "nonce": expected.nonce,
            "client_id": expected.client_id,
            "access_token": tokens.get("access_token"),
        },
    )
    try:
        claims.validate(now=expected.now, leeway=LEEWAY_S)
    except ExpiredTokenError:
        raise OidcError(Fault.CLOCK) from None
    except (InvalidClaimError, MissingClaimError) as error:
        raise OidcError(_FAULTS.get(error.claim, Fault.CLAIMS)) from None
    except (JoseError, ValueError, TypeError):
        raise OidcError(Fault.CLAIMS) from None
    return dict(claims)
