"""Does one thing to each of the jobs that a command names, and says what came of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from medusa.commands import Answer, Call
from medusa.commands.menus import which
from medusa.commands.parsing import numbers
from medusa.errors import UserError
from medusa.model import Job, JobState

_AT_ONCE = 100
_TOGETHER = 500
"""Jobs changed with one commit, which others have to wait for."""
Many = Callable[[Sequence[int]], Awaitable[list[Job]]]
"""Does it with one commit to those jobs that allow for that, and returns these."""
LIVE = (JobState.PAUSED, JobState.WAITING, JobState.QUEUED, JobState.RUNNING)
"""Jobs that have not ended; what runs goes last, so that nothing starts in its place on the way."""
_MOST_SAID = 40
"""Lines of one answer; further jobs are only counted."""


def said(job: Job) -> str:
    """What a job is now, and what it waits for, as a line."""
    if job.state is JobState.WAITING:
        return f"Job #{job.id} is waiting: {' '.join(job.reason.split())}"
    return f"Job #{job.id} is {job.state}."


def left(count: int, others: str) -> list[str]:
    """The line on so many of the numbers to which nothing was done, since they belong to ``others``; none for 0."""
    return [f"{count} of these numbers {'belongs' if count == 1 else 'belong'} to {others}."] if count else []


async def each(
    call: Call,
    act: Callable[[int], Awaitable[Job]],
    able: Sequence[int],
    *,
    others: str,
    all_of_them: str = "all",
    many: Many | None = None,
) -> Answer:
    """Do it to the jobs that the command's words name, by number or with the word ``all_of_them``.

    ``able`` are the jobs that it can be done to, in the order in which it is best done; ``others`` says what the rest
    of the numbers belong to. Without any word it is done to the only job that is able, or the owner is asked which one
    is meant. Raises UserError for what is no number, and what ``act`` raises when there is just one.
    """

    async def alone(number: int) -> str:
        return said(await act(number))

    name, everything = call.command, [word.lower() for word in call.words] == [all_of_them]
    wanted = list(able) if everything else numbers(call.words)
    if not wanted:
        candidates = [] if everything else sorted(able)
        return await which(call, candidates, alone, f"{name} {{}}", nothing=f"There is nothing to {name}.")
    if len(wanted) == 1:
        await expect(call, wanted[0])
        return await alone(wanted[0])
    return await to_many(wanted, act, able, others=others, many=many)


async def expect(call: Call, number: int) -> None:
    """Expect that there is this job among those that the caller may touch. Raises UserError."""
    if await call.desk.jobs.get(number) is None:
        raise UserError(f"There is no job #{number}.")


async def to_many(
    wanted: Sequence[int],
    act: Callable[[int], Awaitable[Job]],
    able: Sequence[int],
    *,
    others: str,
    say: Callable[[Job], str] = said,
    many: Many | None = None,
) -> str:
    """Do it to those of the ``wanted`` jobs that are ``able``, in the order of these; returns the answer.

    ``say`` makes the line about each. What ``many`` can do goes first, then one job at a time.
    """
    chosen = set(wanted)
    found = [number for number in able if number in chosen]
    done: list[Job] = []
    if many is not None:
        for start in range(0, len(found), _TOGETHER):
            done += await many(found[start : start + _TOGETHER])
    changed = {job.id for job in done}
    singles = [number for number in found if number not in changed]
    for start in range(0, len(singles), _AT_ONCE):
        batch = await asyncio.gather(*(_unless_refused(act(number)) for number in singles[start : start + _AT_ONCE]))
        done += [job for job in batch if job is not None]
    done.sort(key=lambda job: job.id)
    lines = [say(job) for job in done[:_MOST_SAID]]
    if len(done) > _MOST_SAID:
        lines.append(f"… and so on: {len(done)} jobs.")
    return "\n".join([*lines, *left(len(chosen) - len(done), others)])


async def _unless_refused(acting: Awaitable[Job]) -> Job | None:
    try:
        return await acting
    except UserError:
        return None  # it has changed by itself in the meantime
