"""Menus: what a command asks when it was ambiguous, and what the numbers mean that are replied."""

import re
from collections.abc import Awaitable, Callable, Sequence

from markupsafe import Markup

from medusa.commands import Answer, Call, Choice, Menu
from medusa.commands.parsing import numbers
from medusa.errors import UserError
from medusa.names import quoted
from medusa.storage.menus import Offer
from medusa.words import choice_line, clock

MOST = 20
"""Choices of one menu."""
OPEN_FOR = 3600.0
"""Seconds for which a menu can be chosen from."""


async def which(
    call: Call, able: Sequence[int], act: Callable[[int], Awaitable[Answer]], command: str, *, nothing: str
) -> Answer:
    """Do it to the only one of the ``able`` jobs; of several, ask for which of them the ``command`` is meant.

    ``command`` has ``{}`` where the numbers of the jobs stand; ``nothing`` is the answer when no job is able.
    """
    if not able:
        return nothing
    if len(able) == 1:
        return await act(able[0])
    jobs = [await call.desk.jobs.get(number) for number in able[:MOST]]
    choices = tuple(Choice(choice_line(job), str(job.id)) for job in jobs if job is not None)
    more = len(able) - MOST
    example = call.prefix + command.format(able[-1])
    note = f"… and {more} more. Those are named by their job numbers, for instance {example}" if more > 0 else ""
    return Menu("Which job? Reply with a number, or several such as 1,3-5", choices, command, note=note)


def shown(menu: Menu) -> Markup:
    """A menu as its message reads."""
    lines = [Markup("{}").format(menu.question)]
    lines += [Markup("{}. {}").format(number, choice.label) for number, choice in enumerate(menu.choices, start=1)]
    return Markup("\n").join([*lines, *([Markup("{}").format(menu.note)] if menu.note else [])])


def offer(menu: Menu, now: float, person: int = 0) -> Offer:
    """What is to be remembered of a menu shown to somebody at Unix time ``now``."""
    return Offer(menu.command, tuple(choice.word for choice in menu.choices), menu.many, now, person)


def is_choice(text: str) -> bool:
    """Whether a text is nothing but numbers, with what stands between them in lists and ranges."""
    return re.fullmatch(r"[\d,\s–—-]+", text) is not None and re.search(r"\d", text) is not None


def chosen(offered: Offer, text: str, now: float, prefix: str) -> str:
    """The command that the numbers in ``text`` stand for. Raises UserError for others, or too late."""
    if now - offered.at > OPEN_FOR:
        again = offered.command.split()[0]
        raise UserError(f"This menu is from {clock(offered.at, now)} and has expired; write {prefix}{again} again.")
    picked = _numbers(text)
    if not picked or not set(picked) <= set(range(1, len(offered.words) + 1)):
        raise UserError(f"{quoted(text)} is not offered here; choose from 1 to {len(offered.words)}.")
    if len(picked) > 1 and not offered.many:
        raise UserError(f"Only one can be chosen here, from 1 to {len(offered.words)}.")
    return offered.command.replace("{}", " ".join(offered.words[number - 1] for number in picked), 1)


def _numbers(text: str) -> list[int]:
    try:
        return numbers(text.split())
    except UserError:
        return []
