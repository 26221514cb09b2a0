"""Keeps the channels that the owner has registered, and the rules that say where posts go."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medusa.storage.store import Store
from medusa.storage.text import storable


@dataclass(frozen=True, slots=True)
class Channel:
    """A registered channel, group or forum, by its marked id.

    ``defaults`` hold for what is posted there where a command does not say otherwise: values by name, as they were
    written.
    """

    chat_id: int
    title: str
    kind: str
    defaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """Where posts go that come from ``host``, are of a ``kind``, and have more or fewer bytes than that.

    What is empty or 0 does not matter. ``spot`` reads as `Spot` writes itself; ``id`` is the number that lists show.
    """

    host: str
    kind: str
    above: int
    below: int
    spot: str
    id: int = 0

    @property
    def needs_file(self) -> bool:
        """Whether the link alone does not tell if it fits."""
        return bool(self.kind or self.above or self.below)


class ChannelTable:
    """The registered channels, those that are being made, and the rules."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> list[Channel]:
        """Every registered channel, by title."""
        rows = await self._store.read("SELECT chat_id, title, kind, defaults FROM channels ORDER BY title, chat_id")
        return [Channel(chat_id, title, kind, json.loads(defaults)) for chat_id, title, kind, defaults in rows]

    async def put(self, channel: Channel) -> None:
        """Register a channel, or renew what is known of it. None of that title is being made any more."""
        row = (channel.chat_id, storable(channel.title), channel.kind, json.dumps(dict(channel.defaults)))
        async with self._store.write() as db:
            await db.run("INSERT OR REPLACE INTO channels (chat_id, title, kind, defaults) VALUES (?, ?, ?, ?)", row)
            await db.run("DELETE FROM making WHERE title = ?", row[1:2])

    async def forget(self, chat_id: int) -> None:
        """Register a channel no more."""
        async with self._store.write() as db:
            await db.run("DELETE FROM channels WHERE chat_id = ?", (chat_id,))

    async def begin(self, title: str, before: Sequence[int]) -> None:
        """Note that a channel is about to be made, and which have that title already."""
        async with self._store.write() as db:
            await db.run("INSERT INTO making (title, before) VALUES (?, ?)", (storable(title), json.dumps(before)))

    async def begun(self, title: str) -> list[int] | None:
        """Which chats had the title before one was made, as far as anybody knows; None when none is being made."""
        row = await self._store.read_one("SELECT before FROM making WHERE title = ?", (storable(title),))
        return None if row is None else [int(one) for one in json.loads(row[0])]

    async def rules(self) -> list[Rule]:
        """Every rule, in the order in which they were given."""
        rows = await self._store.read("SELECT host, kind, above, below, spot, id FROM routes ORDER BY id")
        return [Rule(*row) for row in rows]

    async def add_rule(self, rule: Rule) -> int:
        """Add a rule behind all others and return its number; one that is there already stays where it is."""
        values = (rule.host, rule.kind, rule.above, rule.below, rule.spot)
        same = "SELECT id FROM routes WHERE (host, kind, above, below, spot) = (?, ?, ?, ?, ?)"
        add = "INSERT INTO routes (host, kind, above, below, spot) VALUES (?, ?, ?, ?, ?) RETURNING id"
        async with self._store.write() as db:
            rows = await db.run(same, values) or await db.run(add, values)
        return int(rows[0][0])

    async def remove_rule(self, number: int) -> bool:
        """Remove a rule; False when there is none of that number."""
        async with self._store.write() as db:
            return bool(await db.run("DELETE FROM routes WHERE id = ? RETURNING id", (number,)))
