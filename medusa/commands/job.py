"""/job: everything about one job."""

import json
import time

from markupsafe import Markup

from medusa import __version__
from medusa.commands import Answer, Call, Command, Later, Option
from medusa.commands.menus import MOST, which
from medusa.commands.parsing import numbers
from medusa.commands.people import whose
from medusa.commands.several import left
from medusa.errors import UserError
from medusa.model import Job, JobState, Role
from medusa.observe import otlp
from medusa.telegram.messages import random_id_for
from medusa.words import job_line, laps_line, progress_line, span

MOST_SHOWN = 20


_LIVE = (JobState.RUNNING, JobState.QUEUED, JobState.WAITING, JobState.PAUSED)


async def _run(call: Call) -> Answer:
    wanted = numbers(call.words)
    if "trace" in call.options:
        return await _trace(call, wanted)
    if wanted:
        return await _cards(call, wanted)
    # Of what has ended, the latest jobs are asked for when nothing else is there.
    able = sorted(await call.desk.jobs.numbers(*_LIVE)) or [job.id for job in await call.desk.jobs.recent(MOST)]
    return await which(call, able, lambda number: _cards(call, [number]), "job {}", nothing="There is no job yet.")


async def _cards(call: Call, wanted: list[int]) -> str:
    found = [await call.desk.jobs.get(number) for number in wanted[:MOST_SHOWN]]
    known = [job for job in found if job is not None]
    missing = len(found) - len(known)
    if not known:
        raise UserError(f"There is no job #{wanted[0]}." if missing == 1 else "There is no job with these numbers.")
    blocks = [_card(job, call) for job in known]
    blocks += [Markup("{}").format(line) for line in left(missing, "no job")]
    if len(wanted) > MOST_SHOWN:
        blocks.append(Markup("That is as many as are shown at once: the first {}.").format(MOST_SHOWN))
    return Markup("\n\n").join(blocks)


async def _trace(call: Call, wanted: list[int]) -> Answer:
    """Send the times of a job's stages as a file that other tools read."""
    if len(wanted) != 1:
        raise UserError(f"A trace is that of one job: {call.prefix}job 3 --trace")
    job = await call.desk.jobs.get(wanted[0])
    if job is None:
        raise UserError(f"There is no job #{wanted[0]}.")
    text, place = json.dumps(otlp.trace(job, __version__, time.time()), indent=1), call.message
    name = f"job-{job.id}.otlp.json"

    async def send() -> Answer:
        number = random_id_for(f"trace {place.chat_id} {place.message_id}")
        await call.desk.files.send(place.chat_id, place.message_id, name, text, number)
        return f"{name}: the reply to this."

    return Later(send)


def _card(job: Job, call: Call) -> Markup:
    now = time.time()
    lines = [job_line(job, now)]
    link = Markup("{}").format(job.order.link)
    lines += [link] if link not in lines[0] else []
    lines += [
        Markup("{}").format(progress_line(live.progress, None))
        for live in call.desk.scheduler.live()
        if live.job.id == job.id and (live.progress.done or live.progress.note)
    ]
    facts = f"asked {span(now - job.created)} ago · tries {job.attempts + 1}"
    lines.append(Markup("{} · {} priority{}").format(facts, job.priority, whose(call, job.order.person)))
    lines += [Markup("{}").format(laps_line(job.laps))] if job.laps else []
    return Markup("\n").join(lines)


COMMAND = Command(
    name="job",
    role=Role.VIEWER,
    family="Queue",
    about="everything about a job",
    usage="[N…]",
    run=_run,
    options=(Option(("--trace",), "send when it was in which stage, as OTLP in JSON"),),
    examples=("job", "job 3", "job 1,4-6", "job 3 --trace"),
)
