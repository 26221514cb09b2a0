"""Has a command done for whoever gives it, in Telegram or in the panel: within their rights, and on record."""

import re
from dataclasses import replace

from medusa.commands import Answer, Call, Command, Desk
from medusa.commands.granted import granted
from medusa.commands.help import page
from medusa.commands.parsing import names_secret, split_options, tokens
from medusa.errors import UserError
from medusa.model import Person, Role
from medusa.names import brief
from medusa.observe import clean
from medusa.settings import PREFIX
from medusa.storage.audit import ABOUT_PEOPLE
from medusa.telegram.inbox import Incoming

_QUERY = re.compile(r"(https?://[^\s?#]*)[?#]\S*", re.IGNORECASE)
_LOGIN = re.compile(r"(https?://)[^\s/]*@", re.IGNORECASE)
"""What in links may give access: what stands behind ``?``, and a name with a password."""
_PLURAL = {Role.VIEWER: "viewers", Role.USER: "users", Role.ADMIN: "admins", Role.OWNER: "the owner"}


def entitled(desk: Desk, number: int, command: Command, rest: str) -> Person:
    """Who gives a command, by Telegram's id or 0 for the owner. Raises UserError for those who may not."""
    person = desk.access.person(number)
    needed = Role.OWNER if names_secret(rest, command.options) else command.role
    if person is None or person.role < needed:
        raise UserError(f"That is for {_PLURAL[needed]}, not for you.")
    return person


async def give(desk: Desk, message: Incoming, person: Person, command: Command, rest: str) -> Answer:
    """Do a command for somebody who is entitled to it; ``rest`` is what stands behind its name. Raises MedusaError."""
    words, options = tuple(rest.split()), dict[str, str]()
    if ("--help", False) in tokens(rest):
        return page(command, desk.settings[PREFIX][0])
    if not (command.secret or command.verbatim):
        words, options = split_options(rest.partition("\n")[0] if command.lines else rest, command.options)
    above = [one for one in command.options if one.name in options and one.role > person.role]
    if above:
        raise UserError(f"{above[0].flags[0]} is for {_PLURAL[above[0].role]}, not for you.")
    if "to" in options and person.alone:
        options["to"] = granted(desk, person, options["to"])
    answer = await command.run(Call(message, _own(desk, person), command.name, words, options, rest, person))
    if command.name not in ABOUT_PEOPLE and (command.audited or (person.id and command.role > Role.VIEWER)):
        await desk.access.note(person, command.name, _record(command, rest))
    return answer


def _own(desk: Desk, person: Person) -> Desk:
    """What somebody works with: of jobs and posts, users see their own."""
    if not person.alone:
        return desk
    return replace(desk, jobs=desk.jobs.of(person.id), library=desk.library.of(person.id))


def _record(command: Command, rest: str) -> str:
    """What the record keeps of a command: not its whole text, no secret, and of links not what may be one."""
    if command.secret or names_secret(rest, command.options):
        return ""
    return brief(clean(_LOGIN.sub(r"\1", _QUERY.sub(r"\1?…", " ".join(rest.split())))))
