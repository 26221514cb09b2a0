"""/panel: the way in to the panel in a browser."""

import re
import time

from markupsafe import Markup

from medusa.commands import Call, Command
from medusa.door import LINK_FOR
from medusa.errors import UserError
from medusa.model import Role
from medusa.words import clock, span


async def _run(call: Call) -> str:
    door, words = call.desk.door, call.text.split()
    if words[:1] and words[0].lower() == "password" and call.person.role < Role.OWNER:
        raise UserError("The password is the owner's alone.")
    match [word.lower() for word in words]:
        case []:
            return _link(call)
        case ["logout"]:
            ended = await door.leave_all(call.person.id)
            return f"Logged out everywhere: {ended} {'session' if ended == 1 else 'sessions'} ended."
        case ["sessions"]:
            return await _sessions(call)
        case ["password", "off"]:
            await door.set_password(None)
            return "The panel has no password any more, and everybody is logged out. Links still let you in."
        case ["password", _, *_]:
            # Spaces within a password are meant.
            await door.set_password(re.split(r"\s+", call.text.strip(), maxsplit=1)[1])
            return "The panel has a new password, and everybody is logged out."
    # What was written may be a password, so it is not repeated.
    raise UserError(f"Write {call.prefix}panel alone, or with: password NEW, password off, sessions, logout.")


def _link(call: Call) -> str:
    if not call.message.private and call.message.chat_id != call.person.id:
        raise UserError(f"Others read along here. Write {call.prefix}panel where nobody does: in private.")
    link = call.desk.door.link(call.person.id)
    minutes = round(LINK_FOR / 60)
    return Markup("{}\nLets you in to the panel, once, within {} minutes. Show it to nobody.").format(link, minutes)


async def _sessions(call: Call) -> str:
    now, found = time.time(), await call.desk.door.sessions(call.person.id)
    if not found:
        return "Nobody is logged in to the panel."
    lines = [f"logged in {clock(one.created, now)}, last seen {span(now - one.seen)} ago" for one in found]
    return "\n".join([*lines, f"End them all: {call.prefix}panel logout"])


COMMAND = Command(
    name="panel",
    family="General",
    about="the panel in a browser: a link that lets you in; its password; who is logged in; log out everywhere",
    usage="[password NEW | password off | sessions | logout]",
    run=_run,
    role=Role.ADMIN,
    secret=True,
    examples=("panel", "panel sessions", "panel logout", "panel password correct horse battery"),
)
