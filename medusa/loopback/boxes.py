"""Message boxes: the messages of an account or a channel, and the numbered log of what happened to them.

A box is an account (its user id: Saved Messages and private chats share one message numbering and one pts) or a channel
(its marked id, below zero). https://core.telegram.org/api/updates#message-related-event-sequences
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from medusa.loopback import tl
from medusa.loopback.database import Database

_CHANNEL_BASE = -(10**12)


def marked(channel_id: int) -> int:
    """A channel's id as clients' libraries mark it: with -100 in front."""
    return _CHANNEL_BASE - channel_id


def unmarked(peer: int) -> int:
    """The bare id of a marked channel."""
    return _CHANNEL_BASE - peer


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat as one account sees it: the box that holds its messages and the marked id of the peer."""

    box: int
    peer: int

    @property
    def is_channel(self) -> bool:
        """True for broadcast channels and supergroups."""
        return self.peer < 0


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in a box; ``twin`` is its number in the other side's box of a private chat."""

    box: int
    id: int
    peer: int
    author: int
    twin: int | None
    message: Any

    @property
    def chat(self) -> Chat:
        """Where the message stands."""
        return Chat(self.box, self.peer)


@dataclass(frozen=True, slots=True)
class Event:
    """One step of a box: ``kind`` is new, edit, delete, pin, unpin, inbox or outbox; ``ids`` the messages."""

    box: int
    pts: int
    count: int
    kind: str
    peer: int
    ids: tuple[int, ...]


class Boxes:
    """Stores messages and counts pts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pts(self, box: int) -> int:
        """How far a box has come; 1 for an empty one."""
        return int(self._database.value("SELECT pts FROM boxes WHERE id = ?", box) or 1)

    def changed(self, box: int) -> int:
        """When a box last changed, in Unix seconds."""
        return int(self._database.value("SELECT changed FROM boxes WHERE id = ?", box) or 0)

    def next_id(self, box: int) -> int:
        """The number for the next message of a box."""
        self._database.run("UPDATE boxes SET top = top + 1 WHERE id = ?", box)
        return int(self._database.value("SELECT top FROM boxes WHERE id = ?", box))

    def log(self, chat: Chat, kind: str, ids: Iterable[int]) -> Event:
        """Count what happened to some messages and write it down for those who ask for the difference."""
        numbers = tuple(ids)
        count = len(numbers)
        self._database.run(
            "UPDATE boxes SET pts = pts + ?, changed = ? WHERE id = ?", count, int(time.time()), chat.box
        )
        event = Event(chat.box, self.pts(chat.box), count, kind, chat.peer, numbers)
        self._database.run(
            "INSERT INTO events VALUES(?, ?, ?, ?, ?, ?)",
            *(event.box, event.pts, count, kind, event.peer, json.dumps(numbers)),
        )
        return event

    def since(self, box: int, pts: int, limit: int) -> list[Event]:
        """The first ``limit`` events after ``pts``."""
        rows = self._database.all(
            "SELECT * FROM events WHERE box = ? AND pts > ? ORDER BY pts LIMIT ?", box, pts, limit
        )
        return [_event(row) for row in rows]

    def put(self, chat: Chat, author: int, message: Any, twin: int | None = None) -> Stored:
        """Store a new message under the number it carries."""
        self._database.run(
            "INSERT INTO messages VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            *(chat.box, message.id, chat.peer, author, int(message.date), _text(message), tl.pack(message), twin),
        )
        return Stored(chat.box, message.id, chat.peer, author, twin, message)

    def link(self, box: int, message_id: int, twin: int) -> None:
        """Tell a message its number on the other side."""
        self._database.run("UPDATE messages SET twin = ? WHERE box = ? AND id = ?", twin, box, message_id)

    def change(self, stored: Stored) -> None:
        """Write a message back after a change."""
        self._database.run(
            "UPDATE messages SET text = ?, body = ? WHERE box = ? AND id = ?",
            *(_text(stored.message), tl.pack(stored.message), stored.box, stored.id),
        )

    def remove(self, box: int, ids: Iterable[int]) -> None:
        """Delete messages for good; their numbers are never used again."""
        for number in ids:
            self._database.run("DELETE FROM messages WHERE box = ? AND id = ?", box, number)

    def get(self, box: int, message_id: int) -> Stored | None:
        """One message."""
        row = self._database.one("SELECT * FROM messages WHERE box = ? AND id = ?", box, message_id)
        return None if row is None else _stored(row)

    def several(self, box: int, ids: Iterable[int]) -> list[Stored]:
        """Those of the messages that exist, in the order asked for."""
        return [stored for number in ids if (stored := self.get(box, number))]

    def window(self, chat: Chat, where: str, values: Sequence[Any], limit: int, offset: int) -> list[Stored]:
        """A stretch of a chat's messages that match an SQL condition, newest first."""
        sql = f"SELECT * FROM messages WHERE box = ? AND peer = ? AND {where} ORDER BY id DESC LIMIT ? OFFSET ?"  # noqa: S608
        return [_stored(row) for row in self._database.all(sql, chat.box, chat.peer, *values, limit, offset)]

    def count(self, chat: Chat, where: str = "1", values: Sequence[Any] = ()) -> int:
        """How many messages of a chat match an SQL condition."""
        sql = f"SELECT COUNT(*) FROM messages WHERE box = ? AND peer = ? AND {where}"  # noqa: S608
        return int(self._database.value(sql, chat.box, chat.peer, *values))

    def top(self, chat: Chat) -> int:
        """The number of a chat's newest message, 0 when it is empty."""
        return int(
            self._database.value("SELECT MAX(id) FROM messages WHERE box = ? AND peer = ?", chat.box, chat.peer) or 0
        )

    def peers(self, box: int) -> list[int]:
        """The marked ids of the chats that an account's box has messages of."""
        return [row[0] for row in self._database.all("SELECT DISTINCT peer FROM messages WHERE box = ?", box)]

    def read_until(self, account: int, peer: int) -> tuple[int, int]:
        """How far an account has read a chat, and how far the other side has."""
        row = self._database.one("SELECT inbox, outbox FROM reads WHERE account = ? AND peer = ?", account, peer)
        return (row[0], row[1]) if row else (0, 0)

    def mark_read(self, account: int, peer: int, *, inbox: int = 0, outbox: int = 0) -> bool:
        """Move the read marks forward; False when they were there already."""
        before = self.read_until(account, peer)
        after = (max(before[0], inbox), max(before[1], outbox))
        if after != before:
            self._database.run("INSERT OR REPLACE INTO reads VALUES(?, ?, ?, ?)", account, peer, *after)
        return after != before

    def unread(self, chat: Chat, account: int) -> int:
        """How many messages of others an account has not read in a chat."""
        return self.count(chat, "author != ? AND id > ?", (account, self.read_until(account, chat.peer)[0]))

    def sent_before(self, account: int, peer: int, random_id: int) -> tuple[int, int] | None:
        """The message and its pts that this random_id once made in that chat."""
        row = self._database.one(
            "SELECT message, pts FROM randoms WHERE account = ? AND peer = ? AND random_id = ?",
            *(account, peer, random_id),
        )
        return (row[0], row[1]) if row else None

    def remember_random(self, account: int, peer: int, random_id: int, message: int, pts: int) -> None:
        """Bind a random_id to the message it made, for good."""
        self._database.run("INSERT INTO randoms VALUES(?, ?, ?, ?, ?)", account, peer, random_id, message, pts)


def _text(message: Any) -> str:
    return getattr(message, "message", None) or ""


def _event(row: sqlite3.Row) -> Event:
    return Event(row["box"], row["pts"], row["count"], row["kind"], row["peer"], tuple(json.loads(row["ids"])))


def _stored(row: sqlite3.Row) -> Stored:
    return Stored(row["box"], row["id"], row["peer"], row["author"], row["twin"], tl.parse(row["body"]))
