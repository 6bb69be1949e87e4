"""What a browser brings back from the provider: proof that this login began in it."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import blake2s, sha256

from cryptography.fernet import Fernet, InvalidToken

COOKIE = "bllossom_admin_oidc"
#: From the redirect to the provider until the way back.
MAX_AGE_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginState:
    """One login, from its beginning to its end."""

    state: str  #: against a login that another browser began (RFC 6749, 10.12)
    nonce: str  #: against an ID token of another login
    verifier: str  #: against a code that was caught on its way (PKCE, RFC 7636)
    target: str  #: the page to go to

    @classmethod
    def new(cls, target: str) -> LoginState:
        """A login that begins now."""
        made = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state=next(made), nonce=next(made), verifier=next(made), target=target)

    @property
    def challenge(self) -> str:
        """The S256 challenge of the verifier (RFC 7636, 4.2)."""
        digest = sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def is_of(self, state: str) -> bool:
        """Whether the redirect's state is this login's."""
        return hmac.compare_digest(state.encode("utf-8", "replace"), self.state.encode())


class StateCookies:
    """Seals logins in cookies that only we can read; all bots have the same key.

    ``client_secret``: the provider's secret for us. ``clock``: seconds since the epoch.
    """

    def __init__(self, client_secret: str, clock: Callable[[], float]) -> None:
        key = blake2s(client_secret.encode(), digest_size=32, person=b"oidclogn").digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        self._clock = clock

    def seal(self, login: LoginState) -> str:
        """The cookie of a login."""
        content = json.dumps(asdict(login)).encode()
        return self._fernet.encrypt_at_time(content, int(self._clock())).decode("ascii")

    def open(self, cookie: str) -> LoginState | None:
        """The login of a cookie; None: it is none of ours, or too old."""
        try:
            content = self._fernet.decrypt_at_time(
                cookie.encode("ascii"), MAX_AGE_S, int(self._clock())
            )
        except (InvalidToken, UnicodeError):
            return None
        return LoginState(**json.loads(content))
