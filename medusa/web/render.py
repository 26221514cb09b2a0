"""Makes HTML of templates; jinja2 is loaded when the first page is asked for."""

import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from medusa import __version__, words
from medusa.model import Job, JobState, Live

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent


def render(template: str, **given: object) -> str:
    """The text of a template, in which all that is put in is escaped."""
    return _environment().get_template(template).render(given)


@cache
def _environment() -> "Environment":
    import jinja2

    loader = jinja2.FileSystemLoader([_HERE / "pages", _HERE / "templates"])
    made = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters.update(
        size=words.size, span=words.span, moment=words.moment, ago=_ago, until=_until, job_name=words.job_name
    )
    made.globals.update(version=__version__, verbs=words.VERBS, share=share, how_far=how_far)
    return made


def share(live: Live | None) -> float | None:
    """How far a running job's stage is, from 0 to 1; None where nobody knows."""
    if live is None or not live.progress.total:
        return None
    return min(1.0, live.progress.done / live.progress.total)


def how_far(job: Job, live: Live | None) -> str:
    """One line on where a job stands."""
    now = time.time()
    match job.state:
        case JobState.RUNNING:
            line = words.progress_line(live.progress, None) if live else ""
            bare = line.partition(" ")[2] if line[:1] in "▰▱" else line
            return " · ".join([words.VERBS[job.stage], *([bare] if bare else [])])
        case JobState.WAITING:
            return f"{' '.join(job.reason.split())} In {words.span(job.not_before - now)}.".strip()
        case JobState.DONE:
            took = words.span((job.ended or now) - job.created)
            return " · ".join([words.size(job.size), took, *([job.reason] if job.reason else [])])
        case JobState.FAILED:
            return job.reason
        case _:
            return f"asked {words.span(now - job.created)} ago"


def _ago(at: float) -> str:
    return f"{words.span(time.time() - at)} ago"


def _until(at: float) -> str:
    return f"in {words.span(at - time.time())}"
