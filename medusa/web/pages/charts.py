"""What was done over a day, a week, a month or a year: as curves, and as the table that they are drawn from."""

from medusa.numbers import Span
from medusa.web.page import Given, Page, Visit

NAMES = {Span.DAY: "Day", Span.WEEK: "Week", Span.MONTH: "Month", Span.YEAR: "Year"}


async def _show(visit: Visit) -> Given:
    wanted = visit.query.get("span", "")
    span = Span(wanted) if wanted in set(Span) else Span.WEEK
    report = await visit.desk.numbers.report(span)
    return {"span": span, "names": NAMES, "points": report.points, "total": report.total, "sources": report.sources}


PAGE = Page(path="/charts", title="Charts", show=_show, place=50, icon="chart")
