"""/stats: what Medusa did lately, as a picture and in figures."""

import time

from markupsafe import Markup

from medusa.commands import Answer, Call, Command, Later, Picture
from medusa.errors import UserError
from medusa.gates import Budget
from medusa.model import Role
from medusa.names import quoted
from medusa.numbers import Report, Span
from medusa.words import size, span

_SPANS = {
    Span.DAY: ("today", "day", "1d", "24h"),
    Span.WEEK: ("7d", "week", "1w"),
    Span.MONTH: ("30d", "month", "1m"),
    Span.YEAR: ("1y", "year", "12m", "365d"),
}
_TITLES = {
    Span.DAY: "Today",
    Span.WEEK: "The last 7 days",
    Span.MONTH: "The last 30 days",
    Span.YEAR: "The last 12 months",
}
_BEST = {Span.DAY: "Best hour", Span.WEEK: "Best day", Span.MONTH: "Best day", Span.YEAR: "Best month"}
_FEW = 3
"""Sources that are named: all has to stand below a picture."""


async def _run(call: Call) -> Answer:
    word = " ".join(call.words).lower() or Span.WEEK
    wanted = next((one for one, names in _SPANS.items() if word in names), None)
    if wanted is None:
        words = ", ".join(Span)
        raise UserError(f"{quoted(word)} is no span of time that there are statistics of: take one of {words}.")

    async def work() -> Answer:
        report = await call.desk.numbers.report(wanted)
        return Picture(worded(report, call.desk.budget), await call.desk.draw(report))

    return Later(work)


def worded(report: Report, budget: Budget) -> Markup:
    """The figures of a report, and what is used up of today's bytes."""
    total, ended = report.total, report.total.done + report.total.failed
    title = Markup("<b>{}</b>").format(_TITLES[report.span])
    if not ended + total.cancelled:
        return Markup("\n").join([title, Markup("No job has ended in this time."), *_budgets(budget)])
    success = "" if total.success is None else f" ({int(total.success * 100)} % of {ended})"
    others = [f"{total.failed} failed"] * (total.failed > 0) + [f"{total.cancelled} cancelled"] * (total.cancelled > 0)
    lines = [title, f"Jobs: {', '.join([f'{total.done} done{success}', *others])}"]
    lines.append(f"Bytes: {size(total.down)} fetched, {size(total.up)} uploaded, {size(total.posted)} posted")
    lines += [f"Saved: {', '.join(saved)}"] if (saved := _saved(report)) else []
    lines += [f"Mean speeds: {', '.join(speeds)}"] if (speeds := _speeds(report)) else []
    named = [f"{one.host} {one.done + one.failed}" for one in report.sources if one.host][:_FEW]
    lines += [f"Top sources: {', '.join(named)}"] if named else []
    if report.best is not None and len(report.points) > 1:
        best = report.best.sums
        lines.append(f"{_BEST[report.span]}: {_when(report)}, {size(best.posted)} in {best.done} done")
    return Markup("\n").join(Markup("{}").format(line) for line in [*lines, *_budgets(budget)])


def _saved(report: Report) -> list[str]:
    total = report.total
    saved = [f"{size(total.saved)} not uploaded again"] if total.saved > 0 else []
    return saved + ([f"{size(total.streamed)} never on the disk"] if total.streamed > 0 else [])


def _speeds(report: Report) -> list[str]:
    total = report.total
    speeds = [f"{size(total.down_speed)}/s down"] if total.down_speed else []
    speeds += [f"{size(total.up_speed)}/s up"] if total.up_speed else []
    return speeds + ([f"{span(total.making / 1000)} of processing"] if total.making >= 1000 else [])


def _when(report: Report) -> str:
    """The best piece in words."""
    if report.best is None:
        return ""
    form = {Span.DAY: "%H:%M", Span.YEAR: "%B %Y"}.get(report.span, "%a %-d %b")
    return time.strftime(form, time.localtime(report.best.at))


def _budgets(budget: Budget) -> list[str]:
    """What is used of the day's bytes, where they are limited."""
    return [f"Today {count}" for count in (budget.down, budget.up) if count.limit is not None]


COMMAND = Command(
    name="stats",
    role=Role.ADMIN,
    aliases=("statistics",),
    family="Care",
    about="what was done lately: jobs, bytes, speeds and sources",
    usage="[today | 7d | 30d | 1y]",
    run=_run,
    examples=("stats", "stats today", "stats 30d", "stats 1y"),
)
