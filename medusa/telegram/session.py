"""Telethon's session inside the encrypted state."""

import datetime
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import structlog
from telethon import utils
from telethon.crypto import AuthKey
from telethon.sessions import MemorySession, StringSession
from telethon.tl import TLObject, types

from medusa.errors import MedusaError, UserError
from medusa.storage.telegram import Entity, Login, TelegramState, UpdateState

log = structlog.get_logger()

ACCOUNT = 0
"""The id under which Telethon keeps the account's own update state."""
_AUTH_KEY_BYTES = 256
_INPUT_PEER_KINDS = (0xC91C90B6, 0xE669BF46, 0x40F202FD)
"""Telethon's ids of the types InputPeer, InputUser and InputChannel."""


class StoreSession(MemorySession):  # type: ignore[misc]  # Telethon has no types
    """A session that keeps login, entities and update states in the store.

    Telethon awaits what these methods return where that is awaitable. Changes gather in memory until Telethon calls
    ``save``, after login, once a minute and on closing. The temporary key is never stored.
    """

    def __init__(self, state: TelegramState) -> None:
        super().__init__()
        self._state = state
        self.unhandled: Callable[[], bool] = lambda: False
        """Whether updates were received that nobody has dealt with yet. While that is so, the place in the streams of
        updates is not stored: after a kill, Telegram shall send them again."""
        self._stored: Login | None = None
        self._new_entities: dict[int, Entity] = {}
        self._new_updates: dict[int, UpdateState] = {}
        self._known_updates: dict[int, UpdateState] = {}
        self._known_entities: dict[int, int] = {}
        """Hashes of the entities that the store has, of those seen in this run: most are seen again and again."""

    @classmethod
    async def load(cls, state: TelegramState) -> "StoreSession":
        """The session as the store has it; empty when nobody has logged in. Raises MedusaError."""
        # Telethon warns at every awaited session method that this is new; it is what keeps the disk off the loop.
        warnings.filterwarnings("ignore", "Using async sessions support", UserWarning)
        session = cls(state)
        session._take(await state.login())
        session._known_updates = {one.entity_id: one for one in await state.updates()}
        return session

    async def import_string(self, text: str) -> None:
        """Become the login of a Telethon StringSession, stored before this returns.

        Whatever is known of another login goes. Raises UserError when ``text`` is no such string.
        """
        login = parse_string(text)
        if self._stored is None or self._stored.auth_key != login.auth_key:
            await self._state.replace(login)
            self._drop()
            self._take(login)

    async def forget(self) -> None:
        """Drop the login and all that belongs to it, here and in the store. For logging out."""
        await self._state.replace(None)
        self._drop()

    @property
    def auth_key(self) -> Any:
        """The authorization key, or None; setting it takes effect in the store with the next ``save``."""
        return self._auth_key

    @auth_key.setter
    def auth_key(self, value: Any) -> None:
        # A copy, because Telethon empties its own key object when it changes the data centre.
        self._auth_key = AuthKey(value.key) if value else None

    async def save(self) -> None:
        """Commit what has changed.

        A login is stored with its key or not at all: Telethon also saves between dropping one key and getting the
        next, and dying there must not log the account out. Raises MedusaError when a login can't be stored; the
        rest is kept for the next time.
        """
        login = self._changed_login()
        entities, self._new_entities = self._new_entities, {}
        updates: dict[int, UpdateState] = {}
        if not self.unhandled():
            updates, self._new_updates = self._new_updates, {}
        if login is None and not entities and not updates:
            return
        saved = False
        try:
            await self._state.save(login, entities.values(), updates.values())
            saved = True
        except MedusaError as error:
            if login is not None:
                raise
            log.warning("session.not_saved", reason=error.user_text)
        finally:
            if not saved:
                self._new_entities = entities | self._new_entities
                self._new_updates = updates | self._new_updates
        if saved:
            self._stored = login or self._stored
            self._known_entities |= {number: hash(entity) for number, entity in entities.items()}

    async def close(self) -> None:
        """Commit what has changed; the session stays usable."""
        await self.save()

    async def delete(self) -> None:
        """What Telethon calls after it has logged out."""
        await self.forget()

    def clone(self, to_instance: Any = None) -> Any:
        """A session for a connection to another data centre; it is not kept."""
        return to_instance or MemorySession()

    def get_update_state(self, entity_id: int) -> Any:
        """The State of the account (0) or a channel, or None."""
        known = self._known_updates.get(entity_id)
        return known and _to_telethon(known)

    def get_update_states(self) -> Iterable[tuple[int, Any]]:
        """Every id with its State."""
        return [(number, _to_telethon(known)) for number, known in self._known_updates.items()]

    def set_update_state(self, entity_id: int, state: Any) -> None:
        """Take over a State, if it says anything new."""
        if entity_id == ACCOUNT and state.pts == 0:
            return  # said by a client that stops before it knew its place; believing it would lose missed updates
        # Telethon dates a channel's state with the present, which says nothing.
        date = int(state.date.timestamp()) if entity_id == ACCOUNT else 0
        new = UpdateState(entity_id, state.pts, state.qts, date, state.seq)
        if self._known_updates.get(entity_id) != new:
            self._known_updates[entity_id] = self._new_updates[entity_id] = new

    async def begin(self, channel_id: int, pts: int) -> None:
        """Commit where a channel's updates begin, and what is known of the channel, unless its place is known."""
        if channel_id not in self._known_updates:
            place = UpdateState(channel_id, pts, 0, 0, 0)
            await self._state.save(None, (), [place])
            self._known_updates[channel_id] = place
        await self.save()

    def process_entities(self, tlo: Any) -> None:
        """Remember the users, groups and channels in an answer of Telegram's."""
        for row in self._entities_to_rows(tlo):
            entity = Entity(*row)
            if self._known_entities.get(entity.id) == hash(entity):
                self._new_entities.pop(entity.id, None)
            else:
                self._new_entities[entity.id] = entity

    async def get_input_entity(self, key: Any) -> Any:
        """The InputPeer of a peer, marked id, phone, username, invite link or name. Raises ValueError if unknown."""
        if getattr(key, "SUBCLASS_OF_ID", None) in _INPUT_PEER_KINDS:
            return key
        try:
            return utils.get_input_peer(key)
        except (AttributeError, TypeError):
            pass  # nothing that names its own access hash
        await self.save()
        for find, value in self._searches(key):
            if entity := await find(value):
                return _input_peer(entity)
        raise ValueError("No input entity is known for", key)

    def _searches(self, key: Any) -> Iterator[tuple[Any, Any]]:
        """Where to look for ``key``, in order: a method of the state and what to ask it."""
        if isinstance(key, TLObject):
            yield self._state.by_ids, [utils.get_peer_id(key)]
        elif isinstance(key, int):
            yield self._state.by_ids, [key] if key < 0 else _marked(key)
        elif isinstance(key, str):
            username, invite = utils.parse_username(key)
            if phone := utils.parse_phone(key):
                yield self._state.by_phone, phone
            elif username and not invite:
                yield self._state.by_username, username
            elif number := utils.resolve_invite_link(key)[1]:
                yield self._state.by_ids, _marked(number)
            yield self._state.by_name, key

    def _changed_login(self) -> Login | None:
        """The login as it is now if the store has it otherwise; None when there is no whole login."""
        if not self._auth_key or not self._server_address:
            return None
        login = Login(self._dc_id, self._server_address, self._port, self._auth_key.key, self._takeout_id)
        return login if login != self._stored else None

    def _take(self, login: Login | None) -> None:
        self._stored = login
        if login is not None:
            self.set_dc(login.dc_id, login.address, login.port)
            self._auth_key = AuthKey(login.auth_key)
            self._takeout_id = login.takeout_id

    def _drop(self) -> None:
        self._stored = self._auth_key = self._takeout_id = None
        for memory in (self._new_entities, self._new_updates, self._known_updates, self._known_entities):
            memory.clear()


def parse_string(text: str) -> Login:
    """Read a Telethon StringSession, which holds data centre, address, port and key. Raises UserError for others."""
    try:
        session = StringSession(text.strip())
    except (ValueError, struct.error):
        session = StringSession()
    if not session.auth_key or len(session.auth_key.key) != _AUTH_KEY_BYTES or not session.port or not session.dc_id:
        raise UserError(
            "SESSION_STRING is not a Telethon session string (they start with 1 and have 353 characters or some more). "
            "Make a new one, or leave it out and log in with: python3 run.py login"
        )
    return Login(session.dc_id, session.server_address, session.port, session.auth_key.key)


def _marked(number: int) -> list[int]:
    """The marked ids that a bare id may stand for."""
    return [utils.get_peer_id(peer(number)) for peer in (types.PeerUser, types.PeerChat, types.PeerChannel)]


def _input_peer(entity: Entity) -> Any:
    number, kind = utils.resolve_id(entity.id)
    if kind is types.PeerUser:
        return types.InputPeerUser(number, entity.hash)
    if kind is types.PeerChat:
        return types.InputPeerChat(number)
    return types.InputPeerChannel(number, entity.hash)


def _to_telethon(known: UpdateState) -> Any:
    date = datetime.datetime.fromtimestamp(known.date, tz=datetime.UTC)
    return types.updates.State(known.pts, known.qts, date, known.seq, unread_count=0)
