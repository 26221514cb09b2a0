"""The auth keys that clients have agreed with the server, and the salts that go with them."""

import struct
import time
from dataclasses import dataclass
from hashlib import sha256

from medusa.loopback.crypto import key_id
from medusa.loopback.database import Database
from medusa.loopback.handshake import NewKey

SALT_LIFE = 3600
"""Seconds for which one salt is the current one; it stays good for as long again."""


@dataclass(slots=True)
class AuthKey:
    """One auth key: who is logged in with it, who still owes a password, and why it may be refused."""

    id: int
    key: bytes
    account: int | None = None
    awaiting: int | None = None
    error: str | None = None
    expires: int | None = None
    permanent: int | None = None
    device: str = ""
    first_salt: int | None = None

    @property
    def expired(self) -> bool:
        """True for a temporary key past its time."""
        return self.expires is not None and self.expires < time.time()


class Keys:
    """All auth keys of one data centre, kept in the database and at hand in memory."""

    def __init__(self, database: Database, dc_id: int) -> None:
        self._database = database
        self._dc_id = dc_id
        self._known: dict[int, AuthKey] = {}
        self.salt_epoch = 0

    def accept(self, new: NewKey) -> bool:
        """Keep a freshly agreed key; False when a key with that id is there already."""
        identity = key_id(new.key)
        if self.find(identity) is not None:
            return False
        now = int(time.time())
        expires = None if new.expires_in is None else now + new.expires_in
        self._database.run(
            "INSERT INTO keys(id, key, expires, created, dc) VALUES(?, ?, ?, ?, ?)",
            *(identity, new.key, expires, now, self._dc_id),
        )
        self._known[identity] = AuthKey(identity, new.key, expires=expires, first_salt=new.salt)
        return True

    def find(self, identity: int) -> AuthKey | None:
        """The key with that id, if the server has it and it has not expired."""
        if identity not in self._known:
            row = self._database.one(
                "SELECT id, key, account, awaiting, error, expires, permanent, device FROM keys "
                "WHERE id = ? AND dc = ?",
                *(identity, self._dc_id),
            )
            if row is None:
                return None
            self._known[identity] = AuthKey(*row)
        key = self._known[identity]
        return None if key.expired else key

    def effective(self, key: AuthKey) -> AuthKey:
        """The permanent key behind a bound temporary one; any other key itself."""
        return (self.find(key.permanent) if key.permanent is not None else None) or key

    def save(self, key: AuthKey) -> None:
        """Write down what changed about a key."""
        self._database.run(
            "UPDATE keys SET account = ?, awaiting = ?, error = ?, permanent = ?, device = ? WHERE id = ?",
            *(key.account, key.awaiting, key.error, key.permanent, key.device, key.id),
        )

    def forget(self, key: AuthKey) -> None:
        """Destroy a key: its next packet is answered with error 404."""
        self._database.run("DELETE FROM keys WHERE id = ?", key.id)
        self._known.pop(key.id, None)

    def of(self, account: int) -> list[AuthKey]:
        """The keys that an account is logged in with."""
        rows = self._database.all(
            "SELECT id FROM keys WHERE account = ? AND dc = ? ORDER BY created, id", account, self._dc_id
        )
        return [key for row in rows if (key := self.find(row[0]))]

    def salt(self, key: AuthKey, ahead: int = 0) -> int:
        """The salt of now, or of ``ahead`` periods later. Derived, so that nothing needs to be kept."""
        period = int(time.time()) // SALT_LIFE + ahead
        digest = sha256(key.key + struct.pack("<qq", period, self.salt_epoch)).digest()
        return int.from_bytes(digest[:8], "little", signed=True)

    def salt_is_good(self, key: AuthKey, salt: int) -> bool:
        """True for the current salt, the one before, the next one, and the one that the handshake gave."""
        if salt == key.first_salt and self.salt_epoch == 0:
            return True
        return any(salt == self.salt(key, ahead) for ahead in (0, -1, 1))
