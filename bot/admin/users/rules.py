"""What a user's name and password must be like; the command line asks for the same."""

from __future__ import annotations

import hmac
import secrets

from bot.admin.login.password_hashes import MAX_CHARS, encoded
from bot.domain.turns import clean_text

MAX_NAME_CHARS = 64
#: NIST SP 800-63B-4, 3.1.1.2: eight with a second factor, fifteen without one. The throttle
#: leaves 14,400 guesses a day, and the second factor is each user's own choice.
MIN_PASSWORD_CHARS = 12
#: Of a one-time password: 90 bits.
_RANDOM_BYTES = 12


class UnsoundError(ValueError):
    """A name or password that cannot be; the text is a Korean sentence, a key of the catalog."""


def sound_name(typed: str) -> str:
    """The name as it is stored: NFC, without spaces. Raises UnsoundError."""
    name = clean_text(typed)
    if not name or len(name) > MAX_NAME_CHARS or not all(map(_is_sound, name)):
        raise UnsoundError("아이디는 글자, 숫자와 . _ - @ +로 64자까지 쓸 수 있습니다.")
    return name


def sound_password(typed: str) -> str:
    """The password. Raises UnsoundError."""
    if not MIN_PASSWORD_CHARS <= len(typed) <= MAX_CHARS:
        raise UnsoundError("비밀번호는 12자 이상 1024자 이하로 정해 주세요.")
    if len(set(typed)) < MIN_PASSWORD_CHARS // 3:
        raise UnsoundError("같은 글자가 너무 많이 반복됩니다. 다른 비밀번호를 정해 주세요.")
    return typed


def are_same(one: str, other: str) -> bool:
    """Whether two typed passwords are the same, in a time that says nothing of them."""
    return hmac.compare_digest(encoded(one), encoded(other))


def one_time_password() -> str:
    """A password that its user replaces at the first login."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def _is_sound(char: str) -> bool:
    return char.isalnum() or char in "._-@+"
