"""Finds where posts go, sees that they may, and makes the channels and topics that are missing."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches

from medusa.channels import spelling
from medusa.channels.registry import Registry
from medusa.channels.routes import deciding, kind_of, possible
from medusa.channels.spelling import Named
from medusa.errors import Scope, Transient, UserError, Wait
from medusa.model import Job, LocalFile, Order, Spot
from medusa.names import display_name, quoted
from medusa.settings import DESTINATION, SILENT, Settings
from medusa.storage.channels import Rule
from medusa.telegram.chats import Chat, Chats, Topic
from medusa.telegram.errors import ASK_AGAIN
from medusa.telegram.messages import random_id_for

GENERAL = 1
"""The topic that each forum has; what is posted without one stands there."""
_TRIES = 3
"""How often a channel is asked for when the connection breaks meanwhile."""
KNOWN_FOR = 60.0
"""Seconds for which jobs rely on what was seen of a chat."""


class Destinations:
    """Where orders go; ``home`` is the id of Saved Messages.

    An order goes where ``--to`` says. Else it goes where its command stands, but from Saved Messages to where the first
    rule sends it that fits, or to the default.
    """

    def __init__(
        self, chats: Chats, registry: Registry, settings: Settings, home: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.registry = registry
        self.chats = chats
        self._settings = settings
        self._home = home
        self._now = now
        self._seen: dict[Spot, tuple[float, str]] = {}
        """When it was last asked whether a spot takes posts, and what stood in the way."""

    async def place(self, orders: Sequence[Order], given: Mapping[str, str], here: Spot, key: str) -> list[Order]:
        """The orders of one command with where they go, and what holds there. Raises UserError when it may not be.

        ``given`` are the command's options, ``here`` is where it stands, and ``key`` names it: what is made for it is
        made once. What is to fill a message that stands already stays with that.
        """
        if any(order.slot for order in orders):
            return list(orders)
        if "to" in given:
            spots = await self.spots(given["to"], here, key)
            return [self.going(order, spots, here, given) for order in orders]
        if here.chat_id != self._home:
            return [self.going(order, (here,), here, given) for order in orders]
        placed = []
        for order in orders:
            rules = possible(self.registry.rules, order.host)
            if rules and rules[0].needs_file:
                placed.append(replace(order, routed=True, silent="silent" in given))
                continue
            spot = self._chosen(rules[0] if rules else None)
            await self._require(spot)
            placed.append(self.going(order, (spot,), here, given))
        return placed

    async def together(self, given: Mapping[str, str], here: Spot, key: str) -> tuple[Spot, ...]:
        """Where orders go that belong together, so that no rule parts them; see ``place``. Raises UserError."""
        if "to" in given:
            return await self.spots(given["to"], here, key)
        spot = self.default if here.chat_id == self._home else here
        await self._require(spot)
        return (spot,)

    def going(self, order: Order, spots: Sequence[Spot], here: Spot, given: Collection[str]) -> Order:
        """The order with these places to go to, and what holds there; ``given`` names the options of its command."""
        placed = self.registry.with_defaults(replace(order, to=" ".join(map(str, spots))), given)
        return replace(placed, to="") if tuple(spots) == (Spot(here.chat_id),) else placed

    async def decided(self, order: Order, files: Sequence[LocalFile]) -> Order:
        """The order with where it goes, now that its files are known. Raises Wait when it may not be posted there.

        What this says is to be committed before anything is posted, and never asked for again.
        """
        if not order.routed:
            return order
        kind, count = kind_of(files[0]), sum(file.size for file in files)
        spot = self._chosen(deciding(self.registry.rules, order.host, kind, count))
        given = ("quality", *(("silent",) if order.silent else ()))
        silent = order.silent or self._settings.of(order.person, SILENT)
        order = self.going(replace(order, routed=False, silent=silent), (spot,), Spot(self._home), given)
        await self._ready((spot,))
        return order

    async def ready(self, job: Job) -> None:
        """See that a job may post, before it fetches anything. Raises Wait when it may nowhere, or UserError."""
        await self._ready(job.spots)

    async def spots(self, text: str, here: Spot, key: str) -> tuple[Spot, ...]:
        """The places that ``--to`` names, each once. Raises UserError; nothing is made unless all others are found."""
        named = spelling.destinations(text, self.registry.titles)
        found = {one: await self._spot(one, here) for one in named}
        for one, spot in found.items():
            found[one] = spot or await self._made(one, here, key)
        return tuple(dict.fromkeys(spot for spot in found.values() if spot is not None))

    async def spot(self, text: str, here: Spot, key: str) -> Spot:
        """The one place that a text names. Raises UserError."""
        one = spelling.named(text, self.registry.titles)
        return await self._spot(one, here) or await self._made(one, here, key)

    async def find(self, text: str, here: Spot) -> Chat:
        """The channel or group that a text names, also by the title of one that is not registered. Raises UserError."""
        one = spelling.named(text, self.registry.titles)
        if one.how == "title" and self.registry.titled(one.chat) is None:
            found = await self.chats.titled(display_name(text))
            if len(found) > 1:
                ids = " or ".join(str(chat.id) for chat in found)
                raise UserError(f"{len(found)} chats are called {quoted(text)}: name one by its id, {ids}.")
            if not found:
                raise UserError(f"This account is in no channel or group called {quoted(text)}.")
            return found[0]
        return await self._chat(one, here)

    async def has_topics(self, chat_id: int) -> bool:
        """Whether a chat, by its marked id, is a forum. Raises UserError when it can't be seen."""
        with _in_words():
            return (await self.chats.get(chat_id)).kind == "forum"

    async def topic(self, chat_id: int, name: str, key: str) -> Spot:
        """The topic of this name in a forum; where it is missing, it is made, once for a ``key``. Raises UserError."""
        chat = await self.chats.get(chat_id)
        with _in_words():
            topics = await self.chats.topics(chat_id)
            known = next((topic for topic in topics if topic.title.casefold() == name.casefold()), None)
            if known is not None:
                return _checked(chat, known)
            _checked(chat, None)
            return Spot(chat_id, await self.chats.make_topic(chat_id, name, random_id_for(f"{key} {chat_id} {name}")))

    @property
    def default(self) -> Spot:
        """Where what is asked for in Saved Messages goes when nothing else decides."""
        return self._chosen(None)

    def of_rule(self, rule: Rule) -> Spot:
        """Where a rule sends."""
        return self._chosen(rule)

    def shown(self, spot: Spot) -> str:
        """A place as lists show it."""
        if spot.chat_id == self._home:
            return "Saved Messages"
        known = self.registry.channels.get(spot.chat_id)
        title = quoted(known.title) if known else str(spot.chat_id)
        return f"{title}, topic {spot.topic}" if spot.topic else title

    def _chosen(self, rule: Rule | None) -> Spot:
        """Where a rule sends, or the default."""
        text = rule.spot if rule else self._settings[DESTINATION]
        return Spot.read(text) if text else Spot(self._home)

    async def _spot(self, one: Named, here: Spot) -> Spot | None:
        """The place that is named; None where something is to be made first."""
        if one.how == "new" and self.registry.titled(one.chat) is None:
            return None
        if one.how == "here" and not one.topic:
            return here
        chat = await self._chat(one, here)
        return await self._topic_in(chat, one) if one.topic else _checked(chat, None)

    async def _chat(self, one: Named, here: Spot) -> Chat:
        """The chat that is named, as it is now, if it may be posted there at all."""
        with _in_words():
            match one.how:
                case "me" | "here":
                    return await self.chats.get(self._home if one.how == "me" else here.chat_id)
                case "id":
                    return await self._not_uninvited(await self.chats.get(int(one.chat)))
                case "name":
                    return await self._not_uninvited(await self.chats.named(one.chat))
            known = self.registry.titled(one.chat)
            if known is None:
                raise self.registry.unknown(one.chat)
            return await self.chats.get(known.chat_id)

    async def _not_uninvited(self, chat: Chat) -> Chat:
        """Refuse to post to people who have never written to this account."""
        if chat.kind == "person" and not await self.chats.has_written(chat.id):
            raise UserError(f"{quoted(chat.title)} has not written to this account, and nobody is posted to unasked.")
        return chat

    async def _topic_in(self, chat: Chat, one: Named) -> Spot | None:
        """The topic that is named in a chat; None where it is to be made."""
        if chat.kind != "forum":
            if one.loosely:
                return _checked(chat, None)
            raise UserError(f"{quoted(chat.title)} has no topics: it is no forum.")
        topic = await self._topic(chat, one.topic)
        if topic is None and spelling.is_new(one.topic):
            _checked(chat, None)
            return None
        if topic is None and one.loosely:
            return _checked(chat, None)
        if topic is None:
            raise await self._no_topic(chat, one.topic)
        return _checked(chat, topic)

    async def _topic(self, chat: Chat, text: str) -> Topic | None:
        name = spelling.new_name(text) if spelling.is_new(text) else text
        with _in_words():
            if name.isdecimal() and not spelling.is_new(text):
                if int(name) == GENERAL:
                    return Topic(GENERAL, "General", closed=False)
                if (topic := await self.chats.topic(chat.id, int(name))) is not None:
                    return topic
            topics = await self.chats.topics(chat.id)
        return next((topic for topic in topics if topic.title.casefold() == name.casefold()), None)

    async def _no_topic(self, chat: Chat, text: str) -> UserError:
        with _in_words():
            titles = {topic.title.casefold(): topic.title for topic in await self.chats.topics(chat.id)}
        near = get_close_matches(text.casefold(), titles, n=1)
        hint = f"Did you mean {quoted(titles[near[0]])}?" if near else "new: before its name makes one."
        return UserError(f"{quoted(chat.title)} has no topic {quoted(text)}. {hint}")

    async def _made(self, one: Named, here: Spot, key: str) -> Spot:
        """Make the topic or the channel that is named, once."""
        with _in_words():
            if one.how == "new":
                return Spot(await self.make_channel(one.chat))
            chat, name = await self._chat(one, here), spelling.new_name(one.topic)
            return Spot(chat.id, await self.chats.make_topic(chat.id, name, random_id_for(f"{key} {chat.id} {name}")))

    async def make_channel(self, title: str) -> int:
        """A private channel of this title, registered; one that was made and not noted before a kill is found again.

        Telegram makes another one with each call, so what stood there before is committed first.
        """
        if (known := self.registry.titled(title)) is not None:
            return known.chat_id
        before = await self.registry.begun(title)
        if before is None:
            before = [chat.id for chat in await self._standing(title)]
            await self.registry.begin(title, before)
        chat = await self._new_channel(title, before)
        await self.registry.add(chat.id, title, "channel")
        return chat.id

    async def _new_channel(self, title: str, before: Collection[int]) -> Chat:
        """The channel of this title that was not there before; it is made if there is none."""
        for left in reversed(range(_TRIES)):
            if found := [chat for chat in await self._standing(title) if chat.id not in before]:
                return found[0]
            try:
                return await self.chats.make_channel(title)
            except Transient as error:
                if not left or error.scope is not Scope.JOB or isinstance(error, Wait):
                    raise
        raise AssertionError("unreachable")

    async def _standing(self, title: str) -> list[Chat]:
        """The channels of this title in which the account may post."""
        return [chat for chat in await self.chats.titled(title) if chat.kind == "channel" and chat.may_post]

    async def _require(self, spot: Spot) -> None:
        if spot.chat_id != self._home and (trouble := await self._trouble(spot)):
            raise UserError(trouble)

    async def _ready(self, spots: Sequence[Spot]) -> None:
        """Raise Wait when nothing can be posted in any of the spots; one in trouble does not hold up the others."""
        troubles = [await self._trouble(spot) if spot.chat_id != self._home else "" for spot in spots]
        if all(troubles):
            raise Wait(f"{troubles[0]} /retry N tries at once.", after=ASK_AGAIN, scope=Scope.CHAT)

    async def _trouble(self, spot: Spot) -> str:
        """What keeps this account from posting in a spot, in words, or nothing; asked at most once a minute."""
        at, trouble = self._seen.get(spot, (float("-inf"), ""))
        if trouble or self._now() - at > KNOWN_FOR:
            try:
                with _in_words():
                    chat = await self.chats.get(spot.chat_id)
                    topic = await self.chats.topic(chat.id, spot.topic) if spot.topic not in (None, GENERAL) else None
                    if spot.topic not in (None, GENERAL) and topic is None:
                        raise UserError(f"{quoted(chat.title)} has no topic {spot.topic} any more.")
                    _checked(chat, topic)
                    trouble = ""
            except UserError as error:
                if error.fatal:
                    raise
                trouble = error.user_text
            self._seen[spot] = self._now(), trouble
        return trouble


def _checked(chat: Chat, topic: Topic | None) -> Spot:
    """The spot, if the account may post there. Raises UserError."""
    if not chat.may_post:
        raise UserError(f"This account may not post in {quoted(chat.title)}.")
    if topic is None:
        return Spot(chat.id)
    if topic.closed and not chat.closed_too:
        raise UserError(f"The topic {quoted(topic.title)} of {quoted(chat.title)} is closed.")
    return Spot(chat.id, None if topic.id == GENERAL else topic.id)


@contextmanager
def _in_words() -> Iterator[None]:
    """Say at once what is wrong with a chat, in place of waiting for it."""
    try:
        yield
    except Transient as error:
        if error.scope is not Scope.CHAT:
            raise
        raise UserError(error.user_text.partition(" The file is kept")[0]) from error
