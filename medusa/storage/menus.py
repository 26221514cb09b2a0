"""Remembers the menus that the owner may choose from by a reply."""

import json
from dataclasses import dataclass

from medusa.storage.store import Store

KEPT_FOR = 7 * 86400.0
"""Seconds after which a menu is forgotten; it has expired long before."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a menu's numbers, from 1, stand for: ``command`` with the chosen words in the place of ``{}``.

    ``at`` is when it was offered (Unix seconds), ``many`` whether several may be chosen, ``person`` who may choose.
    """

    command: str
    words: tuple[str, ...]
    many: bool
    at: float
    person: int = 0


class Menus:
    """The menus by marked chat id and the id of the message that shows them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, chat_id: int, message_id: int) -> Offer | None:
        """The menu that this message shows, or None."""
        sql = "SELECT command, choices, many, at, person FROM menus WHERE chat_id = ? AND message_id = ?"
        row = await self._store.read_one(sql, (chat_id, message_id))
        return Offer(row[0], tuple(json.loads(row[1])), bool(row[2]), row[3], row[4]) if row else None

    async def put(self, chat_id: int, message_id: int, offer: Offer) -> None:
        """Note the menu of a message, in place of a former one, and forget the old menus of all."""
        sql = (
            "INSERT INTO menus (chat_id, message_id, command, choices, many, at, person) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET command = excluded.command, choices = excluded.choices, "
            "many = excluded.many, at = excluded.at, person = excluded.person"
        )
        async with self._store.write() as db:
            await db.run("DELETE FROM menus WHERE at < ?", (offer.at - KEPT_FOR,))
            words = json.dumps(offer.words)
            await db.run(sql, (chat_id, message_id, offer.command, words, offer.many, offer.at, offer.person))
