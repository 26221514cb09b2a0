"""Channels and supergroups: who made them, who is in them, what they may do."""

import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from telethon.tl import types

from medusa.loopback import tl
from medusa.loopback.accounts import random_long
from medusa.loopback.boxes import marked
from medusa.loopback.database import Database
from medusa.loopback.rpc import RpcFailure

_FIRST_ID = 1_500_000_001


@dataclass(frozen=True, slots=True)
class ChannelRecord:
    """One channel; ``id`` is bare, ``peer`` marked with -100.

    Whoever knows its ``username`` may read it. What stands in a ``protected`` one may not be forwarded.
    """

    id: int
    access_hash: int
    title: str
    about: str
    creator: int
    date: int
    megagroup: bool
    forum: bool
    username: str | None
    protected: bool

    @property
    def peer(self) -> int:
        """The marked id, which also names the channel's box."""
        return marked(self.id)


class Channels:
    """Finds, makes and shows channels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, title: str, about: str, creator: int, *, megagroup: bool, forum: bool) -> ChannelRecord:
        """A new channel with its creator as the only member."""
        identity = (self._database.value("SELECT MAX(id) FROM channels") or _FIRST_ID - 1) + 1
        self._database.run(
            "INSERT INTO channels VALUES(?, ?, ?, ?, ?, ?, ?, ?, NULL, 0)",
            *(identity, random_long(), title, about, creator, int(time.time()), int(megagroup), int(forum)),
        )
        self._database.run("INSERT INTO boxes VALUES(?, 1, 0, 0)", marked(identity))
        self.join(identity, creator)
        return self.get(identity)

    def get(self, identity: int) -> ChannelRecord:
        """The channel with that bare id. Raises RpcFailure CHANNEL_INVALID."""
        row = self._database.one("SELECT * FROM channels WHERE id = ?", identity)
        if row is None:
            raise RpcFailure("CHANNEL_INVALID")
        return _record(row)

    def find(self, identity: int, access_hash: int, account: int) -> ChannelRecord:
        """The channel that a member names, or anybody if it is public.

        Raises RpcFailure CHANNEL_INVALID or CHANNEL_PRIVATE.
        """
        record = self.get(identity)
        if record.access_hash != access_hash:
            raise RpcFailure("CHANNEL_INVALID")
        if record.username is None and not self.is_member(identity, account):
            raise RpcFailure("CHANNEL_PRIVATE")
        return record

    def by_username(self, username: str) -> ChannelRecord | None:
        """The public channel of that name."""
        row = self._database.one("SELECT * FROM channels WHERE username = ?", username.lstrip("@"))
        return None if row is None else _record(row)

    def publish(self, identity: int, username: str | None) -> None:
        """Give a channel a name under which everybody finds it, or take it away."""
        self._database.run("UPDATE channels SET username = ? WHERE id = ?", username, identity)

    def protect(self, identity: int, protected: bool) -> None:
        """Forbid to forward what stands in a channel, or allow it."""
        self._database.run("UPDATE channels SET protected = ? WHERE id = ?", int(protected), identity)

    def join(self, identity: int, account: int) -> None:
        """Let an account in."""
        self._database.run("INSERT OR IGNORE INTO members VALUES(?, ?)", identity, account)

    def leave(self, identity: int, account: int) -> None:
        """Take an account out, and its rights with it."""
        self._database.run("DELETE FROM members WHERE channel = ? AND account = ?", identity, account)
        self.appoint(identity, account, None)

    def appoint(self, identity: int, account: int, rights: Any) -> None:
        """Make an account an admin with these TL ``chatAdminRights``, or a plain member again with None."""
        self._database.run("DELETE FROM admins WHERE channel = ? AND account = ?", identity, account)
        if rights is not None:
            self._database.run("INSERT INTO admins VALUES(?, ?, ?)", identity, account, tl.pack(rights))

    def rights(self, record: ChannelRecord, account: int) -> Any:
        """What an account may do as an admin; None when it is none."""
        if account == record.creator:
            return all_rights()
        sql = "SELECT rights FROM admins WHERE channel = ? AND account = ?"
        packed = self._database.value(sql, record.id, account)
        return None if packed is None else tl.parse(packed)

    def delete(self, identity: int) -> None:
        """Close a channel for everybody."""
        self._database.run("DELETE FROM members WHERE channel = ?", identity)

    def rename(self, identity: int, title: str) -> None:
        """Give a channel another title."""
        self._database.run("UPDATE channels SET title = ? WHERE id = ?", title, identity)

    def is_member(self, identity: int, account: int) -> bool:
        """True when the account is in the channel."""
        sql = "SELECT 1 FROM members WHERE channel = ? AND account = ?"
        return self._database.one(sql, identity, account) is not None

    def members(self, identity: int) -> list[int]:
        """The user ids in a channel."""
        return [row[0] for row in self._database.all("SELECT account FROM members WHERE channel = ?", identity)]

    def of(self, account: int) -> list[ChannelRecord]:
        """The channels that an account is in."""
        sql = "SELECT c.* FROM channels c JOIN members m ON m.channel = c.id WHERE m.account = ? ORDER BY c.id"
        return [_record(row) for row in self._database.all(sql, account)]


def all_rights() -> Any:
    """What the creator of a channel may do: everything."""
    return types.ChatAdminRights(
        change_info=True,
        post_messages=True,
        edit_messages=True,
        delete_messages=True,
        ban_users=True,
        invite_users=True,
        pin_messages=True,
        add_admins=True,
        manage_call=True,
        other=True,
        manage_topics=True,
    )


def as_chat(record: ChannelRecord, viewer: int, rights: Any, *, member: bool) -> Any:
    """The TL ``channel`` as the account ``viewer`` sees it, which has these rights as an admin, if it is one."""
    own = record.creator == viewer
    return types.Channel(
        id=record.id,
        title=record.title,
        photo=types.ChatPhotoEmpty(),
        date=record.date,
        creator=own,
        left=not member,
        broadcast=not record.megagroup,
        megagroup=record.megagroup,
        forum=record.forum,
        access_hash=record.access_hash,
        username=record.username,
        noforwards=record.protected,
        admin_rights=rights,
    )


def _record(row: sqlite3.Row) -> ChannelRecord:
    return ChannelRecord(
        row["id"],
        row["hash"],
        row["title"],
        row["about"],
        row["creator"],
        row["date"],
        bool(row["megagroup"]),
        bool(row["forum"]),
        row["username"],
        bool(row["protected"]),
    )
