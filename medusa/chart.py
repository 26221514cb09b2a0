"""Designs the picture of statistics: what is drawn over a plain ground."""

import math
import time
from collections.abc import Iterator

from medusa.numbers import Point, Report, Span
from medusa.steps.drawing import fitting, ink, plain, rounded, script
from medusa.words import size

WIDTH, HEIGHT = 1280, 720
BACKGROUND = "12161C"
_CARD, _LINE = "1A2029", "2A323D"
_WHITE, _GREY, _ACCENT, _SECOND, _BAD = "F4F6F8", "98A4B3", "3FC1C9", "F2B56B", "E8707A"
_EDGE = 48
_CHART = (128, 312, 836, 592)
"""Left, top, right and bottom of the bars."""
_SIDE = 888
"""Where the column of sources begins."""
_TITLES = {Span.DAY: "Today", Span.WEEK: "Last 7 days", Span.MONTH: "Last 30 days", Span.YEAR: "Last 12 months"}
_PIECE = {Span.DAY: "hour", Span.WEEK: "day", Span.MONTH: "day", Span.YEAR: "month"}


def written(report: Report, now: float) -> str:
    """All that is drawn and written, as the text of a file (see `medusa.steps.drawing`)."""
    events = [*_header(report, now), *_figures(report), *_bars(report), *_sources(report), *_footer(report)]
    return script(WIDTH, HEIGHT, events, letters=(26, 26))


def _header(report: Report, now: float) -> Iterator[str]:
    yield _box(_EDGE, 44, _EDGE + 8, 104, 4, _ACCENT)
    yield _text(_EDGE + 28, 74, _TITLES[report.span], 46, bold=True, at=4)
    first, last = (time.localtime(at) for at in (report.points[0].at, now))
    begin = time.strftime("%-d %b" if first.tm_year == last.tm_year else "%-d %b %Y", first)
    end = time.strftime("%-d %b %Y", last)
    shown = end if report.span is Span.DAY else f"{begin} – {end}"
    yield _text(WIDTH - _EDGE, 74, shown, 28, _GREY, at=6)


def _figures(report: Report) -> Iterator[str]:
    total = report.total
    success = "–" if total.success is None else f"{math.floor(total.success * 100)} %"
    colour = _WHITE if total.success is None or total.success >= 0.9 else _BAD
    figures = (
        (f"{total.done:,}".replace(",", " "), "jobs done", _WHITE),
        (success, "success", colour),
        (size(total.posted), "posted", _ACCENT),
        (size(total.saved), "not uploaded again", _SECOND),
    )
    wide = (WIDTH - 2 * _EDGE - 3 * 24) // 4
    for number, (figure, words, tint) in enumerate(figures):
        left = _EDGE + number * (wide + 24)
        yield _box(left, 136, left + wide, 256, 16, _CARD)
        yield _text(left + 24, 182, figure, 44, tint, bold=True, at=4)
        yield _text(left + 24, 228, words, 24, _GREY, at=4)


def _bars(report: Report) -> Iterator[str]:
    left, top, right, bottom = _CHART
    highest = _round_up(max(max(0, point.sums.posted) for point in report.points))
    for step in range(3):
        y = bottom - (bottom - top) * step // 2
        if highest or not step:
            yield _box(left, y - 1, right, y + 1, 0, _LINE)
            yield _text(left - 14, y, size(highest * step / 2) if step else "0", 22, _GREY, at=6)
    if not report.total.done + report.total.failed:
        yield _text((left + right) // 2, (top + bottom) // 2, "No job has ended yet", 30, _GREY, at=5)
    wide = (right - left) / len(report.points)
    thick = min(64, max(6, round(wide * 0.66)))
    for number, point in enumerate(report.points):
        middle = left + (number + 0.5) * wide
        yield from _bar(point, round(middle - thick / 2), thick, highest)
        if label := _label(report, number):
            yield _text(round(middle), bottom + 30, label, 22, _GREY, at=5)


def _bar(point: Point, left: int, thick: int, highest: int) -> Iterator[str]:
    """One bar: what was uploaded, what was not on top of it; a dot below says that jobs have failed."""
    _, top, _, bottom = _CHART
    posted, saved = max(0, point.sums.posted), max(0, point.sums.saved)
    if posted and highest:
        high = max(4, round((bottom - top) * posted / highest))
        less = round(high * min(1.0, saved / posted))
        yield _box(left, bottom - high, left + thick, bottom, min(5, thick // 3, high // 2), _ACCENT)
        if less:
            yield _box(left, bottom - high, left + thick, bottom - high + less, min(5, thick // 3, less // 2), _SECOND)
    if point.sums.failed > 0:
        middle = left + thick // 2
        yield _box(middle - 4, bottom + 5, middle + 4, bottom + 13, 4, _BAD)


def _label(report: Report, number: int) -> str:
    """What stands below a bar, if anything does: few words, evenly spaced, and always below the last one."""
    point, behind = report.points[number], len(report.points) - 1 - number
    match report.span:
        case Span.DAY:
            return point.label if behind % 6 == 0 else ""
        case Span.WEEK:
            return time.strftime("%a", time.localtime(point.at))
        case Span.MONTH:
            return time.strftime("%-d %b", time.localtime(point.at)) if behind % 7 == 0 else ""
        case _:
            return time.strftime("%b", time.localtime(point.at))


def _sources(report: Report) -> Iterator[str]:
    right = WIDTH - _EDGE
    yield _text(_SIDE, 300, "Top sources", 26, _WHITE, bold=True, at=4)
    jobs = [source.done + source.failed for source in report.sources]
    if not jobs:
        yield _text(_SIDE, 350, "none yet", 24, _GREY, at=4)
    for number, (source, count) in enumerate(zip(report.sources, jobs, strict=True)):
        y = 348 + number * 50
        named = fitting(source.host or "others", 17)
        yield _text(_SIDE, y, named, 24, _WHITE if source.host else _GREY, at=4)
        yield _text(right, y, f"{count}", 24, _GREY, at=6)
        yield _box(_SIDE, y + 18, right, y + 24, 3, _LINE)
        length = max(6, round((right - _SIDE) * count / max(jobs)))
        yield _box(_SIDE, y + 18, _SIDE + length, y + 24, 3, _ACCENT if source.host else _GREY)


def _footer(report: Report) -> Iterator[str]:
    y, left = 662, _EDGE
    legend = ((_ACCENT, "uploaded"), (_SECOND, "not uploaded again"), (_BAD, "failures"))
    for colour, words in legend:
        yield _box(left, y - 8, left + 16, y + 8, 8 if colour == _BAD else 4, colour)
        yield _text(left + 28, y, words, 22, _GREY, at=4)
        left += 28 + round(len(words) * 13.2) + 36
    speeds = ((report.total.down_speed, "fetched at"), (report.total.up_speed, "uploaded at"))
    said = [f"{words} {size(speed)}/s" for speed, words in speeds if speed]
    yield _text(WIDTH - _EDGE, y, "   ·   ".join(said) or f"by {_PIECE[report.span]}", 22, _GREY, at=6)


def _round_up(count: int) -> int:
    """The next number that reads well at the top of an axis, and halved, too."""
    if count <= 0:
        return 0
    ten = 10 ** (len(str(count)) - 1)
    return int(next(step * ten for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * ten >= count))


def _text(x: int, y: int, text: str, letters: int, colour: str = _WHITE, *, bold: bool = False, at: int = 7) -> str:
    """A line of text; ``at`` says which of its points is at x and y, as the keys of a number pad lie."""
    style = "bold" if bold else "plain"
    return f"{style},0,0,0,{{\\an{at}\\pos({x},{y})\\fs{letters}\\1c{ink(colour)}}}{plain(text)}"


def _box(left: int, top: int, right: int, bottom: int, radius: int, colour: str) -> str:
    """A rectangle with round corners."""
    shape = rounded(right - left, bottom - top, radius)
    return f"plain,0,0,0,{{\\an7\\pos({left},{top})\\1c{ink(colour)}\\p1}}{shape}"
