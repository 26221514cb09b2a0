"""Finds the account's chats, and what it may do in them; makes channels and topics."""

from dataclasses import dataclass
from typing import Any

from telethon import errors as rpc
from telethon import utils
from telethon.tl import functions, types

from medusa.errors import UserError
from medusa.names import quoted
from medusa.telegram.client import Account
from medusa.telegram.errors import translated
from medusa.telegram.messages import MOST_CHATS, Messenger

MOST_TOPICS = 100
"""Topics of one forum that are looked through (https://core.telegram.org/method/messages.getForumTopics)."""
_LOOK_BACK = 100
"""Messages of a private chat among which one of the other person is looked for."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat as the account sees it now; ``id`` is marked, ``kind`` one of saved, person, channel, group and forum.

    ``closed_too`` says that the account may post in closed topics. What is ``protected`` may not be forwarded.
    """

    id: int
    title: str
    kind: str
    may_post: bool
    may_pin: bool = False
    closed_too: bool = False
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a forum, by the number of its opening message."""

    id: int
    title: str
    closed: bool


class Chats:
    """The chats that the account knows, asked of Telegram each time. Raises MedusaError."""

    def __init__(self, account: Account, messenger: Messenger) -> None:
        self._client = account.client
        self._home = account.user_id
        self._messenger = messenger

    async def get(self, chat_id: int) -> Chat:
        """The chat with this marked id."""
        peer = await self._messenger.peer(chat_id)
        with translated():
            return self._seen(await self._client.get_entity(peer))

    async def named(self, name: str) -> Chat:
        """The chat with this public name. Raises UserError when there is none."""
        with translated():
            try:
                return self._seen(await self._client.get_entity(name))
            except (ValueError, rpc.UsernameInvalidError):
                raise UserError(f"There is no chat called {quoted(name)}.") from None

    async def titled(self, title: str) -> list[Chat]:
        """The channels and groups of this title among the latest chats; the letters' case does not matter."""
        with translated():
            entities = [one.entity async for one in self._client.iter_dialogs(limit=MOST_CHATS) if not one.is_user]
        return [chat for chat in map(self._seen, entities) if chat.title.casefold() == title.casefold()]

    async def has_written(self, chat_id: int) -> bool:
        """Whether the other person of a private chat has written lately."""
        peer = await self._messenger.peer(chat_id)
        with translated():
            async for message in self._client.iter_messages(peer, limit=_LOOK_BACK):
                if not message.out:
                    return True
        return False

    async def make_channel(self, title: str) -> Chat:
        """A new private channel. Called again, it makes another one, also where it has raised Transient."""
        request = functions.channels.CreateChannelRequest(title=title, about="", broadcast=True)
        with translated():
            made = await self._client.line.once(self._client(request))
        return self._seen(made.chats[0])

    async def topic(self, chat_id: int, number: int) -> Topic | None:
        """The topic of a forum with this number, or None."""
        peer = await self._messenger.peer(chat_id)
        with translated():
            answer = await self._client(functions.messages.GetForumTopicsByIDRequest(peer, [number]))
        return next(iter(_topics(answer)), None)

    async def topics(self, chat_id: int) -> list[Topic]:
        """The latest topics of a forum."""
        peer = await self._messenger.peer(chat_id)
        with translated():
            answer = await self._client(functions.messages.GetForumTopicsRequest(peer, None, 0, 0, MOST_TOPICS))
        return _topics(answer)

    async def make_topic(self, chat_id: int, title: str, random_id: int) -> int:
        """A new topic of a forum; called again with the same ``random_id``, it is the first one. Returns its number."""
        peer = await self._messenger.peer(chat_id)
        request = functions.messages.CreateForumTopicRequest(peer, title, random_id=random_id)
        with translated():
            answer = await self._client(request)
        return next(int(one.id) for one in answer.updates if isinstance(one, types.UpdateMessageID))

    def _seen(self, entity: Any) -> Chat:
        """A chat as Telethon has it."""
        number, title = int(utils.get_peer_id(entity)), utils.get_display_name(entity)
        if isinstance(entity, types.User):
            kind = "saved" if number == self._home else "person"
            return Chat(number, title, kind, may_post=not entity.deleted, may_pin=kind == "saved")
        if not isinstance(entity, types.Channel | types.Chat) or entity.left or getattr(entity, "deactivated", False):
            return Chat(number, title, "channel", may_post=False)
        may = _rights(entity)
        if getattr(entity, "broadcast", False):
            return Chat(number, title, "channel", may("post_messages"), may("edit_messages"), False, entity.noforwards)
        kind = "forum" if getattr(entity, "forum", False) else "group"
        forbidden = [one for one in (entity.default_banned_rights, getattr(entity, "banned_rights", None)) if one]
        admin = entity.creator or entity.admin_rights is not None
        may_post = admin or not any(one.send_messages or one.send_media for one in forbidden)
        may_pin = may("pin_messages") or not any(one.pin_messages for one in forbidden)
        return Chat(number, title, kind, may_post, may_pin, may("manage_topics"), bool(entity.noforwards))


def _rights(entity: Any) -> Any:
    """Says of a right's name whether the account has it (https://core.telegram.org/constructor/chatAdminRights)."""
    return lambda name: bool(entity.creator or getattr(entity.admin_rights, name, False))


def _topics(answer: Any) -> list[Topic]:
    found = [one for one in answer.topics if isinstance(one, types.ForumTopic)]
    return [Topic(one.id, one.title, bool(one.closed)) for one in found]
