"""/watches: the lists that are watched."""

import time

from markupsafe import Markup

from medusa.commands import Answer, Call, Command
from medusa.model import Role
from medusa.settings import WATCHING
from medusa.watches import words


async def _run(call: Call) -> Answer:
    table = call.desk.watcher.table
    found = await table.all()
    if not found:
        return f"Nothing is watched. {call.prefix}watch LINK does."
    now = time.time()
    off = [] if call.desk.settings[WATCHING] else [f"Watching is off. {call.prefix}set watching on turns it on."]
    lists = [words.listed(one, await table.runs(one.id, 1), now) for one in found]
    return Markup("\n").join([*off, *lists])


COMMAND = Command(
    name="watches",
    role=Role.ADMIN,
    family="Watch",
    about="the lists that are watched, when they are looked at next, and what was taken last",
    run=_run,
    examples=("watches",),
)
