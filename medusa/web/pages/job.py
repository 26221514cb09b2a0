"""Everything about one job."""

from medusa.errors import UserError
from medusa.model import Role
from medusa.observe.lines import lines
from medusa.web.page import Given, Page, Visit
from medusa.words import message_link

LOG_LINES = 50
"""Lines of the log on a page, the latest ones."""


async def _show(visit: Visit) -> Given:
    number = visit.number("number")
    job = await visit.desk.jobs.get(number)
    if job is None:
        raise UserError(f"There is no job #{number}.")
    live = next((one for one in visit.desk.scheduler.live() if one.job.id == number), None)
    post = message_link(job.spots[0].chat_id, job.post_id) if job.post_id else None
    places = [visit.desk.destinations.shown(spot) for spot in job.spots]
    return {
        "job": job,
        "live": live,
        "post": post,
        "places": places,
        "longest": max((lap.seconds for lap in job.laps), default=0.0),
        "log": lines.find(limit=LOG_LINES, job=number) if visit.person.role is Role.OWNER else [],
    }


PAGE = Page(
    path="/jobs/{number}",
    title="Job",
    show=_show,
    commands=frozenset({"pause", "resume", "cancel", "retry", "move", "prio"}),
)
