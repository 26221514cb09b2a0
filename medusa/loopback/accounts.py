"""The accounts that the server knows, with what they log in with."""

import os
import re
import sqlite3
from dataclasses import dataclass
from typing import Any

from telethon import password as srp
from telethon.tl import types

from medusa.loopback.crypto import DH_G, DH_PRIME_BYTES
from medusa.loopback.database import Database
from medusa.loopback.rpc import RpcFailure

_FIRST_ID = 5_000_001


@dataclass(frozen=True, slots=True)
class Account:
    """One user: ``phone`` with a leading plus, ``code`` the login code that is never sent anywhere."""

    user_id: int
    phone: str
    name: str
    username: str | None
    code: str
    access_hash: int


@dataclass(frozen=True, slots=True)
class Password:
    """A two-step password as the server keeps it: salts and the verifier g^x, never the password."""

    salt1: bytes
    salt2: bytes
    verifier: bytes
    hint: str

    @property
    def algo(self) -> Any:
        """The key derivation as TL names it."""
        return kdf_algo(self.salt1, self.salt2)


def kdf_algo(salt1: bytes, salt2: bytes) -> Any:
    """The only key derivation there is. https://core.telegram.org/api/srp"""
    return types.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow(salt1, salt2, DH_G, DH_PRIME_BYTES)


def digits(phone: str) -> str:
    """A phone number without plus, spaces and dashes."""
    return re.sub(r"\D", "", phone)


class Accounts:
    """Finds, makes and shows accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, phone: str, name: str, username: str | None, code: str) -> Account:
        """The account with that phone number, made if it is new."""
        found = self.by_phone(phone)
        if found:
            return found
        user_id = (self._database.value("SELECT MAX(id) FROM accounts") or _FIRST_ID - 1) + 1
        with self._database.transaction():
            self._database.run(
                "INSERT INTO accounts(id, phone, name, username, code, hash) VALUES(?, ?, ?, ?, ?, ?)",
                *(user_id, digits(phone), name, username, code, random_long()),
            )
            self._database.run("INSERT INTO boxes VALUES(?, 1, 0, 0)", user_id)
        return self.get(user_id)

    def get(self, user_id: int) -> Account:
        """The account with that id. Raises KeyError."""
        row = self._database.one("SELECT * FROM accounts WHERE id = ?", user_id)
        if row is None:
            raise KeyError(user_id)
        return _account(row)

    def find(self, user_id: int, access_hash: int) -> Account:
        """The account that a client names. Raises RpcFailure PEER_ID_INVALID."""
        row = self._database.one("SELECT * FROM accounts WHERE id = ? AND hash = ?", user_id, access_hash)
        if row is None:
            raise RpcFailure("PEER_ID_INVALID")
        return _account(row)

    def by_phone(self, phone: str) -> Account | None:
        """The account with that phone number."""
        row = self._database.one("SELECT * FROM accounts WHERE phone = ?", digits(phone))
        return None if row is None else _account(row)

    def by_username(self, username: str) -> Account | None:
        """The account with that username."""
        row = self._database.one("SELECT * FROM accounts WHERE username = ?", username.lstrip("@"))
        return None if row is None else _account(row)

    def others(self, user_id: int) -> list[Account]:
        """Everybody but that account: the server treats them as its contacts."""
        return [_account(row) for row in self._database.all("SELECT * FROM accounts WHERE id != ?", user_id)]

    def password(self, user_id: int) -> Password | None:
        """The two-step password, if one is set."""
        row = self._database.one("SELECT salt1, salt2, verifier, hint FROM accounts WHERE id = ?", user_id)
        return Password(*row) if row and row["verifier"] else None

    def set_password(self, user_id: int, password: Password | None) -> None:
        """Set or remove the two-step password."""
        values = (password.salt1, password.salt2, password.verifier, password.hint) if password else (None,) * 4
        self._database.run(
            "UPDATE accounts SET salt1 = ?, salt2 = ?, verifier = ?, hint = ? WHERE id = ?", *values, user_id
        )

    def rename(self, user_id: int, name: str) -> None:
        """Give the account another name."""
        self._database.run("UPDATE accounts SET name = ? WHERE id = ?", name, user_id)


def make_password(text: str) -> Password:
    """The verifier of a new password, with fresh salts."""
    salt1, salt2 = os.urandom(16), os.urandom(16)
    return Password(salt1, salt2, srp.compute_digest(kdf_algo(salt1, salt2), text), "")


def as_user(account: Account, viewer: int) -> Any:
    """The TL ``user`` as the account ``viewer`` sees it."""
    own = account.user_id == viewer
    return types.User(
        id=account.user_id,
        is_self=own,
        contact=not own,
        mutual_contact=not own,
        access_hash=account.access_hash,
        first_name=account.name,
        username=account.username,
        phone=account.phone.lstrip("+"),
        status=types.UserStatusRecently(),
    )


def random_long() -> int:
    """A random signed 64-bit number other than 0."""
    return int.from_bytes(os.urandom(8), "little", signed=True) | 1


def _account(row: sqlite3.Row) -> Account:
    return Account(row["id"], f"+{row['phone']}", row["name"], row["username"], row["code"], row["hash"])
