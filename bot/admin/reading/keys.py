"""The names of people and rooms in addresses: what stands in a history or a log tells nobody.

Encrypted with a key that follows from the session key, so every bot of an installation makes the
same address for the same person, and nobody else reads it or makes one up. Another password of
the dashboard makes other addresses.
"""

from __future__ import annotations

import base64
import binascii
import json
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from bot.domain.turns import Person
from bot.store.reading.room import Room

#: The longest address that is tried: three ids of 256 characters, four bytes each, as base64.
MAX_KEY_CHARS = 6_000


class ObjectKeys:
    """Makes and reads the addresses. Deterministic: an address may be kept."""

    def __init__(self, session_key: bytes) -> None:
        key = blake2b(session_key, digest_size=64, person=b"addresses").digest()
        self._cipher = AESSIV(key)

    def of_person(self, person: Person) -> str:
        """The name of the person in an address."""
        return self._seal("person", person.messenger, person.tenant, person.sender)

    def of_room(self, room: Room) -> str:
        """The name of the room in an address."""
        return self._seal("room", room.messenger, room.tenant, room.name)

    def person(self, key: str) -> Person | None:
        """The person of an address; None: no key of this installation made it."""
        parts = self._open("person", key)
        if parts is None:
            return None
        messenger, tenant, sender = parts
        return Person(messenger=messenger, tenant=tenant, sender=sender)

    def room(self, key: str) -> Room | None:
        """The room of an address; None: no key of this installation made it."""
        parts = self._open("room", key)
        if parts is None:
            return None
        messenger, tenant, name = parts
        return Room(messenger=messenger, tenant=tenant, name=name)

    def _seal(self, kind: str, *parts: str) -> str:
        plain = json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")
        sealed = self._cipher.encrypt(plain, [kind.encode()])
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def _open(self, kind: str, key: str) -> tuple[str, str, str] | None:
        if len(key) > MAX_KEY_CHARS or not key.isascii():
            return None
        try:
            sealed = base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True)
            plain = self._cipher.decrypt(sealed, [kind.encode()])
        except (ValueError, binascii.Error, InvalidTag):
            return None
        messenger, tenant, name = json.loads(plain.decode("utf-8", "surrogatepass"))
        return messenger, tenant, name
