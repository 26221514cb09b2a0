"""How sizes, times, progress and jobs read."""

import time
from collections.abc import Iterable

from markupsafe import Markup

from medusa.model import Job, JobState, Lap, Priority, Progress, Stage

VERBS = {
    Stage.RESOLVE: "looking at the link",
    Stage.FETCH: "fetching",
    Stage.STREAM: "streaming",
    Stage.PROCESS: "processing",
    Stage.UPLOAD: "uploading",
    Stage.POST: "posting",
}
SCHEDULED, QUIET = "Scheduled for", "Quiet hours"
"""How the reasons begin for which jobs wait that are to start at a time of the owner's choice."""
_BAR = 12
_CHANNELS = -(10**12)
"""Marked ids below this one are channels and supergroups."""
_LONGEST_LINK = 80
_LONGEST_TEXT = 3000
"""Characters, tags included, that leave room within Telegram's 4096 UTF-16 units."""


def size(count: float) -> str:
    """Bytes in decimal units: ``0 B``, ``850 B``, ``12.3 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("unreachable")


def bits(rate: float) -> str:
    """Bits a second: ``96 kb/s``, ``1.64 Mb/s``."""
    return f"{rate / 1000:.0f} kb/s" if rate < 1_000_000 else f"{rate / 1_000_000:.3g} Mb/s"


def span(seconds: float) -> str:
    """Seconds as a reader says them: ``8 s``, ``3 min 20 s``, ``2 h 5 min``, ``4 d 3 h``."""
    whole = max(0, round(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {whole % 60} s"
    return f"{whole} s"


def playing_time(seconds: float) -> str:
    """Seconds as players show them: ``0:07``, ``1:02:03``."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def moment(at: float) -> str:
    """Unix time as a date and a time of day where Medusa lives: ``2026-03-01 18:05``."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def bar(fraction: float) -> str:
    """A bar of text for a fraction from 0 to 1."""
    full = min(_BAR, max(0, int(fraction * _BAR)))
    return "▰" * full + "▱" * (_BAR - full)


def progress_line(progress: Progress, speed: float | None) -> str:
    """One line on how far a stage is: bar, percent, amount, speed (in its unit a second) and the time that is left."""
    amount, pace = (_played, f"{(speed or 0) / 1000:.1f} ×") if progress.playing else (size, f"{size(speed or 0)}/s")
    parts: list[str] = []
    if progress.total:
        fraction = min(1.0, progress.done / progress.total)
        parts += [f"{bar(fraction)} {fraction:.0%}", f"{amount(progress.done)} of {amount(progress.total)}"]
    elif progress.done:
        parts.append(amount(progress.done))
    if speed and progress.done:
        parts.append(pace)
        if progress.total and progress.total > progress.done:
            parts.append(f"{span((progress.total - progress.done) / speed)} left")
    if progress.note:
        parts.append(progress.note)
    return " · ".join(parts)


def _played(milliseconds: float) -> str:
    return span(milliseconds / 1000)


def laps_line(laps: Iterable[Lap]) -> str:
    """How long a job has spent in each stage, all its tries together: ``fetch 1.2 s · upload 3 min 20 s``."""
    spent: dict[Stage, float] = {}
    for lap in laps:
        spent[lap.stage] = spent.get(lap.stage, 0.0) + lap.seconds
    told = ((stage, f"{seconds:.1f} s" if seconds < 10 else span(seconds)) for stage, seconds in spent.items())
    return " · ".join(f"{stage} {took}" for stage, took in told)


def short(link: str) -> str:
    """A link that takes little room: what is too long for a line loses its end."""
    return link if len(link) <= _LONGEST_LINK else link[: _LONGEST_LINK - 1] + "…"


def job_name(job: Job) -> str:
    """What to call a job: its title once it is known, until then its link."""
    return job.title or short(job.order.link)


def job_line(job: Job, now: float) -> Markup:
    """One or two lines on where a job stands at Unix time ``now``."""
    number = Markup("<b>#{}</b>").format(job.id)
    match job.state:
        case JobState.DONE:
            if job.reason:
                return Markup("✓ {} {} · {}\n{}").format(number, job_name(job), size(job.size), job.reason)
            took = span((job.ended or now) - job.created)
            parts = [job_name(job), size(job.size), took, *_elsewhere(job)]
            return Markup("✓ {} {}").format(number, " · ".join(parts))
        case JobState.FAILED:
            return Markup("✗ {} {}\n{}").format(number, short(job.order.link), job.reason)
        case JobState.CANCELLED:
            return Markup("– {} cancelled · {}").format(number, job_name(job))
        case JobState.WAITING:
            goes_on = "Next try" if job.attempts else "Starts" if job.stage is Stage.RESOLVE else "Goes on"
            again = span(job.not_before - now)
            return Markup("… {} {}\n{} {} in {}.").format(number, job_name(job), job.reason, goes_on, again)
        case JobState.RUNNING:
            return Markup("› {} {} · {}").format(number, VERBS[job.stage], job_name(job))
        case _:
            return Markup("… {} {} · {}").format(number, job.state, job_name(job))


def message_link(chat_id: int, message_id: int) -> str | None:
    """The link to a message, which works for whoever may read its channel; other chats have no such links.

    See https://core.telegram.org/api/links#private-message-links.
    """
    return f"https://t.me/c/{_CHANNELS - chat_id}/{message_id}" if chat_id < _CHANNELS else None


def _elsewhere(job: Job) -> list[str]:
    """Where the post stands, when that is another chat than the command's."""
    first, *others = job.spots
    link = message_link(first.chat_id, job.post_id or 0) if first.chat_id != job.chat_id else None
    return [f"{link} and {len(others)} more" if others else link] if link else []


def queue_line(job: Job, progress: Progress, now: float) -> Markup:
    """Exactly one line on where a job of the queue stands at Unix time ``now``."""
    name = _one_line(job_name(job), _LONGEST_LINK)
    marks = [] if job.priority is Priority.NORMAL else [str(job.priority)]
    match job.state:
        case JobState.RUNNING:
            sign, marks = "›", [VERBS[job.stage], *_percent(progress), *marks]
        case JobState.WAITING:
            reason = _one_line(job.reason, _LONGEST_LINK).removesuffix(".")
            sign, marks = "…", [reason, f"in {span(job.not_before - now)}", *marks]
        case JobState.PAUSED:
            sign, marks = "=", ["paused", *marks]
        case _:
            sign = "·"
    return Markup("{} <b>#{}</b> {}").format(sign, job.id, " · ".join([name, *marks]))


def choice_line(job: Job) -> Markup:
    """Exactly one line that tells a job from others."""
    stands = VERBS[job.stage] if job.state is JobState.RUNNING else job.state
    return Markup("<b>#{}</b> {} · {}").format(job.id, _one_line(job_name(job), _LONGEST_LINK), stands)


def _percent(progress: Progress) -> list[str]:
    return [f"{min(1.0, progress.done / progress.total):.0%}"] if progress.total else []


def _one_line(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def clock(at: float, now: float) -> str:
    """A Unix time as this machine's clock says it, with the date unless it is within a day."""
    return time.strftime("%H:%M" if abs(at - now) < 86400 else "%Y-%m-%d %H:%M", time.localtime(at))


def job_lines(jobs: list[Job], now: float) -> Markup:
    """The lines of several jobs, one under the other; when they are many, what is done is only counted."""
    lines = [job_line(job, now) for job in jobs]
    if sum(map(len, lines)) > _LONGEST_TEXT:
        done = sum(job.state is JobState.DONE for job in jobs)
        lines = [Markup("✓ {} done").format(done)] if done else []
        lines += [job_line(job, now) for job in jobs if job.state is not JobState.DONE]
    kept: list[Markup] = []
    while lines and sum(map(len, kept)) + len(lines[0]) <= _LONGEST_TEXT:
        kept.append(lines.pop(0))
    return Markup("\n").join([*kept, *([Markup("… and {} more").format(len(lines))] if lines else [])])
