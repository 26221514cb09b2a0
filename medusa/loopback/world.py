"""Everything that a data centre knows, in one place, with the views that a single account has of it."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from telethon.tl import types

from medusa.loopback.accounts import Account, Accounts, as_user
from medusa.loopback.boxes import Boxes, Chat, Event, Stored, marked, unmarked
from medusa.loopback.cdn import Cdn
from medusa.loopback.channels import Channels, as_chat
from medusa.loopback.clock import Clock
from medusa.loopback.database import Database
from medusa.loopback.files import Files
from medusa.loopback.forums import Topics
from medusa.loopback.keys import Keys
from medusa.loopback.session import Session, Sessions

HOME_DC, OTHER_DC, CDN_DC = 2, 5, 203
"""The data centres: where the accounts live, where files may lie as well, and the one that only hands out copies."""


class World:
    """The server's state; methods get it through their call."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.accounts = Accounts(database)
        self.dc_id = HOME_DC
        self.keys = Keys(database, HOME_DC)
        self.centres: dict[int, World] = {HOME_DC: self}
        self.boxes = Boxes(database)
        self.channels = Channels(database)
        self.topics = Topics(database)
        self.files = Files(database, folder)
        self.clock = Clock()
        self.sessions = Sessions(self.clock)
        self.address = ("127.0.0.1", 0)
        self.calls: Counter[str] = Counter()
        self.codes: OrderedDict[str, str] = OrderedDict()
        self.login_tokens: dict[bytes, tuple[int, float]] = {}
        self.exported: dict[bytes, tuple[int, int]] = {}
        self.cdn = Cdn()
        self.frozen: set[int] = set()
        self.challenges: dict[int, tuple[int, int, int]] = {}

    def open_centre(self, dc_id: int) -> "World":
        """A further data centre: the same accounts and files, but auth keys, sessions and an address of its own."""
        other = copy(self)
        other.dc_id, other.keys, other.sessions = dc_id, Keys(self.database, dc_id), Sessions(self.clock)
        self.centres[dc_id] = other
        return other

    def audience(self, box: int) -> list[int]:
        """The accounts that what happens in a box concerns."""
        return [box] if box > 0 else self.channels.members(unmarked(box))

    def show(self, stored: Stored, viewer: int) -> Any:
        """A stored message as an account sees it: its own flag and fresh file references."""
        message = stored.message
        if stored.box < 0:
            message.out = stored.author == viewer
        self.refresh(getattr(message, "media", None))
        return message

    def refresh(self, media: Any) -> None:
        """Put the current file reference into a message's media."""
        item = getattr(media, "document", None) or getattr(media, "photo", None)
        if item is not None:
            stored = self.files.get(item.id)
            item.file_reference, item.dc_id = stored.reference, stored.body.dc_id

    def around(self, viewer: int, messages: Iterable[Any], peers: Iterable[int] = ()) -> tuple[list[Any], list[Any]]:
        """The ``users`` and ``chats`` that messages and marked peers speak of, as an account sees them."""
        ids = {viewer, *peers}
        for message in messages:
            ids.update(_mentioned(message))
        users = [as_user(account, viewer) for number in sorted(ids) if number > 0 and (account := self._user(number))]
        return users, [self.chat(unmarked(number), viewer) for number in sorted(ids) if number < 0]

    def _user(self, number: int) -> Account | None:
        try:
            return self.accounts.get(number)
        except KeyError:
            return None

    def chat(self, channel_id: int, viewer: int) -> Any:
        """The TL ``channel`` as an account sees it."""
        record = self.channels.get(channel_id)
        rights = self.channels.rights(record, viewer)
        return as_chat(record, viewer, rights, member=self.channels.is_member(channel_id, viewer))

    def bundle(self, viewer: int, updates: Sequence[Any], peers: Iterable[int] = ()) -> Any:
        """``updates`` with the users and chats they speak of; seq is 0, so that only pts matters."""
        messages = [update.message for update in updates if hasattr(update, "message")]
        users, chats = self.around(viewer, messages, peers)
        return types.Updates(updates=list(updates), users=users, chats=chats, date=int(self.clock.now()), seq=0)

    def update_of(self, event: Event, viewer: int) -> Any | None:
        """The TL update that tells an account of an event; None when its message is gone meanwhile."""
        if event.kind in ("new", "edit"):
            stored = self.boxes.get(event.box, event.ids[-1])
            if stored is None:
                return None
            return _MESSAGE_UPDATES[event.kind, event.box < 0](self.show(stored, viewer), event.pts, event.count)
        return _plain_update(event, self.unread(event, viewer))

    def unread(self, event: Event, viewer: int) -> int:
        """How many messages are left to read in the event's chat."""
        return self.boxes.unread(Chat(event.box, event.peer), viewer)

    def sessions_of(self, account: int) -> list[Session]:
        """The living sessions that an account is logged in with."""
        return [session for session in self.sessions if self.keys.effective(session.key).account == account]


_MESSAGE_UPDATES = {
    ("new", False): types.UpdateNewMessage,
    ("new", True): types.UpdateNewChannelMessage,
    ("edit", False): types.UpdateEditMessage,
    ("edit", True): types.UpdateEditChannelMessage,
}


def peer_of(number: int) -> Any:
    """The TL peer for a marked id."""
    return types.PeerUser(number) if number > 0 else types.PeerChannel(unmarked(number))


def _plain_update(event: Event, unread: int) -> Any:
    ids, pts, count = list(event.ids), event.pts, event.count
    channel = unmarked(event.box) if event.box < 0 else 0
    if event.kind == "delete":
        if channel:
            return types.UpdateDeleteChannelMessages(channel, ids, pts, count)
        return types.UpdateDeleteMessages(ids, pts, count)
    if event.kind in ("pin", "unpin"):
        pinned = event.kind == "pin"
        if channel:
            return types.UpdatePinnedChannelMessages(channel, ids, pts, count, pinned=pinned)
        return types.UpdatePinnedMessages(peer_of(event.peer), ids, pts, count, pinned=pinned)
    if event.kind == "inbox":
        return types.UpdateReadHistoryInbox(peer_of(event.peer), ids[-1], unread, pts, count)
    return types.UpdateReadHistoryOutbox(peer_of(event.peer), ids[-1], pts, count)


def _mentioned(message: Any) -> Iterable[int]:
    forward = getattr(message, "fwd_from", None)
    peers = [message.peer_id, getattr(message, "from_id", None), forward and forward.from_id]
    for peer in peers:
        if isinstance(peer, types.PeerUser):
            yield peer.user_id
        elif isinstance(peer, types.PeerChannel):
            yield marked(peer.channel_id)
