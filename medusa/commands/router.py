"""Finds the command that a message means and has it done, once."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import replace
from difflib import get_close_matches
from functools import partial

import structlog
from markupsafe import Markup

from medusa.access import MOST_COMMANDS
from medusa.commands import Answer, Aside, Command, Desk, Later, Menu, Picture
from medusa.commands.giving import entitled, give
from medusa.commands.menus import chosen, is_choice, offer, shown
from medusa.commands.parsing import names_secret, parts
from medusa.commands.secrets import deleted
from medusa.errors import DiskFull, MedusaError, Scope, Transient, UserError
from medusa.model import Role
from medusa.names import brief
from medusa.observe import Redactor
from medusa.observe.metrics import COMMANDS, REFUSALS
from medusa.patience import until_it_works
from medusa.settings import BARE_LINKS, OTHERS, PREFIX
from medusa.storage.handled import Handled
from medusa.storage.menus import Menus, Offer
from medusa.storage.slow import SlowCommands
from medusa.telegram.client import Account
from medusa.telegram.inbox import Incoming, follow, incoming
from medusa.telegram.messages import Messenger, random_id_for, units

log = structlog.get_logger()

REMEMBERED_FOR = 90 * 86400.0
"""Seconds for which a handled message is remembered; Telegram hands out no updates that are older."""
MOST_SLOW = 20
"""Commands that may look for their answers at once."""
STILL_THERE = "Your message with the secret could not be deleted: delete it yourself."
_LINKS_ALONE = re.compile(r"https?://\S+(?:\s+https?://\S+)*(?:\s+[-—–]{1,2}[^\W\d].*)?", re.IGNORECASE | re.DOTALL)
"""Nothing but links, with options at the end; a note that has a link in it is no command."""
_NAME = re.compile(r"([^\W\d_][\w-]*)(?:@\w+)?(?:[^\S\n]+|(?=\n)|$)")


class Router:
    """Obeys messages, one after the other; the answers go out beside that."""

    def __init__(
        self, account: Account, desk: Desk, handled: Handled, menus: Menus, slow: SlowCommands, messenger: Messenger
    ) -> None:
        self._account = account
        self._desk = desk
        self._handled = handled
        self._menus = menus
        self._slow = slow
        self._under_way: set[tuple[int, int]] = set()
        """Chat and message of the commands whose answers take long."""
        self._noted: set[tuple[int, int]] = set()
        """Chat and message of those that stand in the table of slow commands."""
        self._messenger = messenger
        self.refused = 0
        """Commands so far that were answered with a refusal."""
        self._followed: tuple[int, ...] = ()
        self._names = {name: command for command in desk.commands.values() for name in (command.name, *command.aliases)}

    async def run(self) -> None:
        """Obey until cancelled."""
        await until_it_works(lambda: self._handled.prune(time.time() - REMEMBERED_FOR))
        await until_it_works(self._follow)
        async with asyncio.TaskGroup() as answers:
            for row in await until_it_works(self._slow.all):
                chat_id, message_id, text, reply_to, private, *rest = row
                self._noted.add((chat_id, message_id))
                await self._hear(Incoming(chat_id, message_id, text, reply_to, bool(private), *rest), answers)
            async for message in incoming(self._account, self._listens_to, self._knows):
                if await self.concerned(message) and (placed := await self._placed(message)) is not None:
                    await self._hear(placed, answers)

    def _knows(self, person: int) -> bool:
        return self._desk.settings[OTHERS] and self._desk.access.person(person) is not None

    async def _placed(self, message: Incoming) -> Incoming | None:
        """The message as one of the account's own, in which the answer can stand; None when it is passed over.

        Others' messages can't be edited, so a reply to theirs stands in for it from here on. It is made once for each
        message, however often that is heard.
        """
        person = self._desk.access.person(message.person)
        if message.person == 0 or person is None:
            return message if message.person == 0 else None
        speaks = self._desk.access.may_speak(person)
        if speaks is None:
            return None
        key = f"heard {message.chat_id} {message.message_id}"
        text = "…" if speaks else f"That is more than {MOST_COMMANDS} commands a minute. Wait a minute, then go on."
        say = partial(
            self._messenger.say_once, message.chat_id, text, random_id_for(key), message.message_id, message.topic
        )
        try:
            place = await say()
        except Transient as error:
            if error.scope is Scope.CHAT:
                return None
            place = await until_it_works(say)
        except UserError as error:
            if error.fatal:
                raise
            return None  # there is no answering here
        return replace(message, message_id=place, original=message.message_id) if speaks else None

    async def _hear(self, message: Incoming, answers: asyncio.TaskGroup) -> None:
        """Obey one message, unless it was obeyed before or is just being obeyed; all that is logged of it names it."""
        with structlog.contextvars.bound_contextvars(message=f"{message.chat_id}:{message.message_id}"):
            await self._heed(message, answers)

    async def _heed(self, message: Incoming, answers: asyncio.TaskGroup) -> None:
        place = (message.chat_id, message.message_id)
        if place in self._under_way:
            return
        if await until_it_works(partial(self._handled.seen, *place)):
            await until_it_works(partial(self._slow.done, *place))
            return
        answer, in_place = await self._understand(message)
        if isinstance(answer, Later) and len(self._under_way) >= MOST_SLOW:
            answer = f"{MOST_SLOW} commands look at links already; send this again when they have their answers."
        if isinstance(answer, Later):
            await self._note(message)
            self._under_way.add(place)
            answers.create_task(self._take_time(message, answer))
            return
        await self._offer(message, answer)
        await self._conclude(message)
        if answer is not None:
            answers.create_task(self._answer(message, answer, in_place=in_place))

    async def _note(self, message: Incoming) -> None:
        """Note a command that Telegram may not hand out again, until it is concluded."""
        place = (message.chat_id, message.message_id)
        row = (*place, message.text, message.reply_to, message.private, message.topic, message.person, message.original)
        await until_it_works(partial(self._slow.put, row, time.time()))
        self._noted.add(place)

    async def _take_time(self, message: Incoming, later: Later) -> None:
        """Find an answer that takes long, and give it."""
        place = (message.chat_id, message.message_id)
        answer = await self._tried(later.work)
        await self._offer(message, answer)
        if isinstance(answer, Menu):
            # Without it there is nothing to go on with: after a kill it is better asked twice than never.
            await self._answer(message, answer, in_place=True)
        await self._conclude(message)
        if answer is not None and not isinstance(answer, Later | Menu):
            await self._answer(message, answer, in_place=not isinstance(answer, Aside))
        self._under_way.discard(place)

    async def _offer(self, message: Incoming, answer: Answer) -> None:
        """Note what can be replied to a menu, before it is shown, so that the first reply to it finds it."""
        if isinstance(answer, Menu):
            place = (message.chat_id, message.message_id)
            await until_it_works(partial(self._menus.put, *place, offer(answer, time.time(), message.person)))

    async def _conclude(self, message: Incoming) -> None:
        """Note that a message was obeyed."""
        place = (message.chat_id, message.message_id)
        await until_it_works(self._follow)
        await until_it_works(partial(self._handled.mark, *place, time.time()))
        if place in self._noted:
            await until_it_works(partial(self._slow.done, *place))
            self._noted.discard(place)

    async def concerned(self, message: Incoming) -> bool:
        """Whether the message is a command, or chooses from a menu.

        What others write into a group may be meant for somebody else there.
        """
        meant = self._meant(message)
        if meant is not None:
            return message.person in (0, message.chat_id) or meant[0] in self._names
        return await self._offered(message) is not None

    async def _understand(self, message: Incoming) -> tuple[Answer, bool]:
        """Do what the message says; returns the answer, and whether it takes the message's place."""
        try:
            meant = self._meant(message) or await self._chosen(message)
        except UserError as error:
            return self._refuse(error), True
        if meant is None:
            return None, True
        command = self._names.get(meant[0])
        if command is None:
            return self._hint(meant[0]), False
        return await self._obey(message, command, meant[1]), True

    async def _offered(self, message: Incoming) -> Offer | None:
        """The menu that the message chooses from, if it is nothing but numbers and replies to one."""
        if message.reply_to is None or not is_choice(message.text.strip()):
            return None
        offered = await until_it_works(partial(self._menus.get, message.chat_id, message.reply_to))
        return offered if offered and self._may_choose(message.person, offered.person) else None

    def _may_choose(self, number: int, shown_to: int) -> bool:
        """Whether somebody may answer a menu: who it was shown to, the owner, and an admin in place of those below."""
        access = self._desk.access
        person, other = access.person(number), access.person(shown_to)
        if number == shown_to or person is None or other is None:
            return number == shown_to
        return person.role >= Role.ADMIN and person.role > other.role

    async def _chosen(self, message: Incoming) -> tuple[str, str] | None:
        """What the message chooses from a menu, as ``_meant`` does; raises UserError when it was not offered."""
        offered = await self._offered(message)
        return _named(chosen(offered, message.text.strip(), time.time(), self._prefix)) if offered else None

    @property
    def _prefix(self) -> str:
        return self._desk.settings[PREFIX][0]

    async def _follow(self) -> None:
        """Miss nothing in the chats that are listened to, once they are others than before."""
        chats = self._desk.destinations.registry.obeyed
        if chats != self._followed:
            await follow(self._account, chats)
            self._followed = chats

    def _meant(self, message: Incoming) -> tuple[str, str] | None:
        """The command's name and the rest of the text; None when the message is no command at all."""
        text = message.text.strip()
        if text[:1] and text[0] in self._desk.settings[PREFIX]:
            return _named(text[1:])
        if message.private and self._desk.settings[BARE_LINKS] and _LINKS_ALONE.fullmatch(text):
            return "dl", text
        return None

    async def _obey(self, message: Incoming, command: Command, rest: str) -> Answer:
        """Do a command; a message that holds a secret is deleted before that, whatever comes of it."""
        try:
            person = entitled(self._desk, message.person, command, rest)
        except UserError as error:
            return self._refuse(error)
        run = partial(give, self._desk, message, person, command, rest)
        harmless = rest.strip() in ("", "--help")
        if (harmless or not command.secret) and not names_secret(rest, command.options):
            return await self._do(command, run)
        await self._note(message)  # once it is deleted, nobody else knows of it
        gone = await deleted(self._messenger, message.chat_id, message.original or message.message_id)
        # Commands of secrets repeat nothing by themselves; others may quote what went astray, such as a value.
        secrets = frozenset[str]() if command.secret else parts(rest)
        answer = await self._do(command, run, secrets)
        if isinstance(answer, Later):
            return Later(partial(self._late, answer, secrets, gone=gone))
        return _warned(answer, gone=gone)

    async def _late(self, later: Later, secrets: Collection[str], *, gone: bool) -> Answer:
        """The answer to a command with secrets that takes long."""
        return _warned(await self._tried(later.work, secrets), gone=gone)

    async def _do(
        self, command: Command, run: Callable[[], Awaitable[Answer]], secrets: Collection[str] | None = None
    ) -> Answer:
        structlog.contextvars.bind_contextvars(command=command.name)
        COMMANDS.labels(command.name).inc()
        try:
            return await self._tried(run, secrets)
        finally:
            structlog.contextvars.unbind_contextvars("command")

    async def _tried(self, run: Callable[[], Awaitable[Answer]], secrets: Collection[str] | None = None) -> Answer:
        """What a command answers, or what is to be said of its failure.

        Of one with ``secrets``, neither log nor answer repeat them.
        """
        try:
            return await _with_room(run)
        except MedusaError as error:
            if error.fatal:
                raise
            return self._refuse(error, secrets or ())
        except Exception as error:
            # Telling no more than its kind: its words may repeat the command's.
            log.error("command.broken", kind=type(error).__name__, exc_info=secrets is None)  # noqa: TRY400
            return "Something went wrong inside Medusa; see its log. Nothing that was running is affected."

    def _refuse(self, error: MedusaError, secrets: Iterable[str] = ()) -> str:
        self._count_refusal()
        text = Redactor(secrets).clean(error.user_text)
        log.info("command.refused", error=text)
        return text

    def _count_refusal(self) -> None:
        self.refused += 1
        REFUSALS.inc()

    def _hint(self, name: str) -> str:
        """What to say to a command that there is not."""
        self._count_refusal()
        prefix = self._prefix
        near = get_close_matches(name, self._names, n=1)
        hint = f"Did you mean {prefix}{near[0]}?" if near else f"See {prefix}help."
        if near and self._names[near[0]].secret:
            hint += " Your message still stands; delete it if there is a secret in it."
        return f"There is no command {brief(prefix + name)}. {hint}"

    def _listens_to(self, chat_id: int) -> bool:
        return chat_id in self._desk.destinations.registry.obeyed

    async def _answer(self, message: Incoming, answer: str | Menu | Aside | Picture, *, in_place: bool) -> None:
        """Put the answer in the command's place; what is too long for one message goes on in further ones.

        What only looked like a command may be a note: it stays, and the answer replies to it.
        """
        first, *others = pages(_worded(answer), self._account.limits.text - 1)
        try:
            if not in_place and message.original is None:
                await self._messenger.say(message.chat_id, first, message.message_id, message.topic)
            elif not await self._messenger.edit(message.chat_id, message.message_id, first):
                place = await self._messenger.say(message.chat_id, first, topic=message.topic)
                if isinstance(answer, Menu):
                    await self._menus.put(message.chat_id, place, offer(answer, time.time(), message.person))
            for text in others:
                await self._messenger.say(message.chat_id, text, topic=message.topic)
            if isinstance(answer, Picture) and answer.picture is not None:
                await self._desk.files.illustrate(message.chat_id, message.message_id, answer.picture, answer.text)
        except MedusaError as error:
            if error.fatal:
                raise
            log.warning("command.unanswered", error=error.user_text)


def _warned(answer: Answer, *, gone: bool) -> Answer:
    """An answer, with a word on a message that is not gone; what takes its place needs none where it is a question."""
    if gone or isinstance(answer, Menu | Picture | Later):
        return answer
    if isinstance(answer, Aside):
        return Aside(f"{answer.text}\n{STILL_THERE}")
    return Markup("{}\n{}").format(answer or "", STILL_THERE)


def _worded(answer: str | Menu | Aside | Picture) -> str:
    """What an answer reads."""
    match answer:
        case Menu():
            return shown(answer)
        case Aside(text) | Picture(text, _):
            return text
        case _:
            return answer


def _named(text: str) -> tuple[str, str] | None:
    """A command without prefix as its name and the rest."""
    named = _NAME.match(text)
    return (named[1].lower(), text[named.end() :]) if named else None


async def _with_room(run: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do a command, and do it again while the state's disk is full: a command that was heard is not lost to that."""
    while True:
        try:
            return await run()
        except DiskFull as error:
            log.warning("command.waiting", reason=error.user_text)
            await asyncio.sleep(error.retry_after)


def pages(text: str, limit: int) -> list[str]:
    """A text cut between lines, which Medusa's markup never spans, into pieces of at most ``limit`` UTF-16 units."""
    found: list[str] = []
    for line in text.split("\n"):
        if found and units(found[-1]) + units(line) < limit:
            found[-1] += "\n" + line
        else:
            found.append(line)
    return [type(text)(piece) for piece in found]
