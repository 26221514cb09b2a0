"""/unwatch: watch a list no more."""

from markupsafe import Markup

from medusa.commands import Answer, Call, Command
from medusa.commands.parsing import numbers
from medusa.commands.watch import named
from medusa.errors import UserError
from medusa.model import Role
from medusa.watches import words


async def _run(call: Call) -> Answer:
    if not call.words:
        raise UserError(f"Which one? {call.prefix}watches lists them.")
    found = [await named(call, number) for number in numbers(call.words)]
    for watch in found:
        await call.desk.watcher.table.remove(watch.id)
    lines = [words.head(watch) + " is watched no more." for watch in found]
    return Markup("\n").join(
        [*lines, Markup("What it has begun to post goes on; {}batches lists it.").format(call.prefix)]
    )


COMMAND = Command(
    name="unwatch",
    role=Role.ADMIN,
    audited=True,
    family="Watch",
    about="watch lists no more",
    usage="N…",
    run=_run,
    examples=("unwatch 3",),
)
