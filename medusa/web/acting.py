"""Obeys the commands that the panel gives, by the functions that obey them in Telegram."""

import html
import re
import secrets
from collections.abc import Awaitable, Callable

import structlog
from markupsafe import Markup

from medusa.access import MOST_COMMANDS
from medusa.commands import Answer, Aside, Desk, Later, Menu
from medusa.commands.giving import entitled, give
from medusa.commands.menus import shown
from medusa.commands.parsing import names_secret
from medusa.errors import MedusaError, UserError
from medusa.model import Person
from medusa.names import quoted
from medusa.settings import PREFIX
from medusa.telegram.inbox import Incoming

log = structlog.get_logger()

_TAG = re.compile(r"</?[a-z][^>]*>")
_IN_CHAT = frozenset({"dl", "audio"})
"""Commands whose message becomes what tells of their jobs, so that there has to be one."""


async def obey(desk: Desk, person: Person, line: str, allowed: frozenset[str]) -> str:
    """Obey a command as it is written in Telegram, without its prefix; returns what it answers, as plain text.

    Raises UserError for one that is not among the ``allowed``, or not for this person; and MedusaError for what the
    command refuses.
    """
    name, _, rest = line.strip().partition(" ")
    command = desk.commands.get(name)
    if command is None or name not in allowed:
        raise UserError(f"This page does not give the command {quoted(name)}.")
    if not desk.access.may_speak(person):
        raise UserError(f"That is more than {MOST_COMMANDS} commands a minute. Wait a minute, then go on.")
    entitled(desk, person.id, command, rest)
    log.info("panel.command", command=name, person=person.id)

    async def given(message_id: int) -> Answer:
        text = f"{desk.settings[PREFIX][0]}{name} {rest}"
        answer = await give(desk, Incoming(desk.home, message_id, text, person=person.id), person, command, rest)
        while isinstance(answer, Later):
            answer = await answer.work()
        return answer

    if name in _IN_CHAT and not names_secret(rest, command.options):
        return worded(await _in_chat(desk, line.strip(), given))
    # There is no message; the number, which no message has, keeps the command apart from all others.
    return worded(await given(-secrets.randbelow(2**62) - 1))


async def _in_chat(desk: Desk, line: str, give: Callable[[int], Awaitable[Answer]]) -> Answer:
    """Write the command into Saved Messages, as if by hand, and obey it there."""
    place = await desk.messenger.say(desk.home, f"{desk.settings[PREFIX][0]}{line}")
    try:
        answer = await give(place)
    except MedusaError as error:
        await desk.messenger.edit(desk.home, place, error.user_text)
        raise
    if isinstance(answer, Menu):  # a reply to it would not be understood
        await desk.messenger.delete(desk.home, [place])
    elif answer is not None:
        await desk.messenger.edit(desk.home, place, worded(answer))
    return answer


def worded(answer: Answer) -> str:
    """An answer as plain text."""
    match answer:
        case Menu():
            return _plain(shown(answer))
        case Aside(text):
            return _plain(text)
        case str():
            return _plain(answer)
        case _:
            return ""


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("", text)) if isinstance(text, Markup) else text
