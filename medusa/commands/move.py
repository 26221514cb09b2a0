"""/move: another place in the queue."""

import time

from medusa.commands import Answer, Call, Command
from medusa.commands.menus import which
from medusa.commands.parsing import numbers
from medusa.commands.several import left
from medusa.errors import UserError
from medusa.model import JobState, Role
from medusa.storage.turns import Place

_LAST_FIRST = (Place.TOP, Place.DOWN)
"""Where several jobs keep their order among themselves only when the last of them moves first."""


async def _run(call: Call) -> Answer:
    *words, last = call.words or ("",)
    if last.lower() not in list(Place):
        raise UserError(f"Which job, and where to? For instance: {call.prefix}move 3 top (or up, down, bottom)")
    place, wanted, queued = Place(last.lower()), numbers(words), await call.desk.jobs.numbers(JobState.QUEUED)
    if wanted:
        return await _move(call, wanted, place, queued)

    async def alone(number: int) -> str:
        return await _move(call, [number], place, queued)

    return await which(call, queued, alone, f"move {{}} {place}", nothing="No job is queued.")


async def _move(call: Call, wanted: list[int], place: Place, queued: list[int]) -> str:
    chosen = set(wanted)
    found = [number for number in queued if number in chosen]
    if not found:
        raise UserError(await _why_not(call, wanted))
    order = found[::-1] if place in _LAST_FIRST else found
    await call.desk.jobs.move(order, place, call.message.chat_id, call.message.message_id, time.time())
    return await _answer(call, found, len(chosen) - len(found))


async def _why_not(call: Call, wanted: list[int]) -> str:
    if len(wanted) > 1:
        return "None of these jobs is queued; only queued jobs have a place to move from."
    job = await call.desk.jobs.get(wanted[0])
    if job is None:
        return f"There is no job #{wanted[0]}."
    return f"Job #{job.id} is {job.state}; only queued jobs can be moved."


async def _answer(call: Call, moved: list[int], others: int) -> str:
    line = await call.desk.jobs.numbers(JobState.QUEUED)
    places = {number: place for place, number in enumerate(line, start=1)}
    lines = [f"Job #{number} is at place {places[number]} of {len(line)}." for number in moved if number in places]
    lines = lines[:20] + ([f"… and so on: {len(moved)} jobs."] if len(lines) > 20 else [])
    return "\n".join([*lines, *left(others, "no queued job")])


COMMAND = Command(
    name="move",
    role=Role.ADMIN,
    family="Queue",
    about="another place in the queue",
    usage="[N…] top | up | down | bottom",
    run=_run,
    examples=("move top", "move 3 top", "move 1,4-6 9 bottom", "move 3 up"),
)
