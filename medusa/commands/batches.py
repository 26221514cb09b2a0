"""/batches: the newest batches and how far they are."""

import time

from markupsafe import Markup

from medusa.batches import words
from medusa.commands import Answer, Call, Command
from medusa.commands.batch_acts import theirs
from medusa.model import Role

_MOST = 20
_LOOKED_AT = 200


async def _run(call: Call) -> Answer:
    batches = call.desk.conductor.batches
    found = [one for one in await batches.recent(_LOOKED_AT) if theirs(call, one)][:_MOST]
    if not found:
        return f"There is no batch yet. Reply to a list with {call.prefix}batch."
    return Markup("\n").join([words.listed(one, await batches.counts(one.id), time.time()) for one in found])


COMMAND = Command(
    name="batches",
    role=Role.VIEWER,
    family="Batch",
    about="the newest batches and how far they are",
    run=_run,
    examples=("batches",),
)
