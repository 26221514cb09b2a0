"""When lists are looked at, what of them is new, and what is wanted."""

import random
import time
from datetime import datetime

import pytest

from medusa.errors import UserError
from medusa.intervals import seconds
from medusa.sources.described import Entry
from medusa.watches import filters, times
from medusa.watches.filters import Filters
from medusa.watches.fresh import Window, ascends, fresh, in_order
from medusa.watches.times import DAY, Times


@pytest.fixture
def _berlin(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("90s", 90),
        ("2m", 120),
        ("45min", 2700),
        ("1h30m", 5400),
        ("1d 12h", 129_600),
        ("6H", 21_600),
        ("2 h 30 min", 9000),
        ("0h", 0),
    ],
)
def test_spans_of_time(text: str, found: float) -> None:
    assert seconds(text) == found


@pytest.mark.parametrize("text", ["", "6", "h", "1.5h", "-2h", "2h1d", "99999999s", "²h", "2h every"])
def test_what_is_no_span_of_time(text: str) -> None:
    with pytest.raises(ValueError):
        seconds(text)


@pytest.mark.parametrize(
    ("every", "cron", "shown"),
    [
        ("", "", "every 6 h 0 min"),
        ("10m", "", "every 10 min 0 s"),
        ("30d", "", "every 30 d 0 h"),
        ("", "0 6 * * *", "at “0 6 * * *”"),
        ("", " */10  * * * * ", "at “*/10 * * * *”"),
        ("", "30 5 * * mon-fri", "at “30 5 * * mon-fri”"),
    ],
)
def test_times_are_read_and_kept(every: str, cron: str, shown: str) -> None:
    found = times.read(every, cron)
    assert str(found) == shown
    assert times.restored(found.stored) == found


@pytest.mark.parametrize(
    ("every", "cron", "words"),
    [
        ("9m", "", "takes 10 min 0 s to 30 d 0 h"),
        ("31d", "", "takes 10 min"),
        ("0h", "", "takes 10 min"),
        ("often", "", "is no span of time"),
        ("6h", "0 6 * * *", "exclude one another"),
        ("", "* * * * *", "comes too often"),
        ("", "0,5 6 * * *", "comes too often"),
        ("", "0 6 * *", "is no cron expression"),
        ("", "0 0 6 * * *", "is no cron expression"),
        ("", "61 6 * * *", "Bad minute"),
        ("", "@daily", "is no cron expression"),
        ("", "0 0 31 2 *", "Bad day-of-month"),
        ("", "0 0 */30 2 1#5", "never comes"),  # five Mondays in February, one of them on the 1st or the 31st
        ("", "0 6 * * *; rm", "is no cron expression"),
        ("", "0 6 * * " + "1," * 99 + "1", "is no cron expression"),
    ],
)
def test_times_that_are_none(every: str, cron: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        times.read(every, cron)


@pytest.mark.parametrize("stored", ["61 6 * * *", "0 0 */30 2 1#5", "soon", "", "0.0", "1e9", "-21600.0", "nan", "inf"])
def test_stored_times_that_cannot_be_read_are_shown_all_the_same(stored: str) -> None:
    found = times.restored(stored)
    assert str(found) == f"at “{stored or '?'}”"
    with pytest.raises(UserError, match="can't be read"):
        found.after(1.0)


@pytest.mark.usefixtures("_berlin")
@pytest.mark.parametrize(
    ("cron", "now", "expected"),
    [
        ("0 6 * * *", "2026-01-10T05:00:00+01:00", "2026-01-10T06:00:00+01:00"),
        ("0 6 * * *", "2026-01-10T06:00:00+01:00", "2026-01-11T06:00:00+01:00"),
        ("0 6 * * *", "2026-03-28T07:00:00+01:00", "2026-03-29T06:00:00+02:00"),  # over the night that loses an hour
        ("30 2 * * *", "2026-03-28T12:00:00+01:00", "2026-03-29T03:30:00+02:00"),  # a time that this night has not
        (
            "30 2 * * *",
            "2026-10-25T02:40:00+02:00",
            "2026-10-26T02:30:00+01:00",
        ),  # once, in the night that has it twice
        ("0 0 29 2 *", "2026-01-01T00:00:00+01:00", "2028-02-29T00:00:00+01:00"),
    ],
)
def test_crons_go_by_the_local_clock(cron: str, now: str, expected: str) -> None:
    at = Times(cron=cron).after(datetime.fromisoformat(now).timestamp())
    assert at == datetime.fromisoformat(expected).timestamp()


def test_runs_are_spread_and_failures_are_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    every = Times(6 * 3600)
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    assert every.due(1000.0, 0) == 1000 + 6 * 3600 + 600
    assert Times(600).due(1000.0, 0) == 1000 + 660
    assert Times(cron="0 6 * * *").due(1000.0, 0) <= 1000 + DAY + 60
    monkeypatch.setattr(random, "uniform", lambda low, high: low)
    assert [every.due(0.0, fails) for fails in (1, 2, 3, 6, 7, 500)] == [1800, 3600, 7200, 57_600, DAY, DAY]


@pytest.mark.parametrize(
    ("due", "now", "fails", "expected"),
    [
        (5000.0, 4000.0, 0, 5000.0),  # to come
        (5000.0, 9e8, 0, 5000.0),  # missed, however long ago: once
        (9e8, 4000.0, 0, 4000 + 3600 + 360),  # the clock was set back
        (9e8, 4000.0, 3, 4000 + DAY * 1.1),
    ],
)
def test_a_clock_that_jumps(due: float, now: float, fails: int, expected: float) -> None:
    assert Times(3600).sensible(due, now, fails) == pytest.approx(expected)


def entry(key: str, published: str = "", duration: float | None = None) -> Entry:
    return Entry(f"https://a.example/{key}", key, key, published, duration)


def window(keys: str, *, whole: bool = False, tail: bool = False) -> Window:
    return Window(tuple(map(entry, keys)), whole, tail)


@pytest.mark.parametrize(
    ("part", "seen", "new", "old", "at_end"),
    [
        (window("cba", whole=True), "", "abc", "", False),
        (window("cba", whole=True), "abc", "", "", False),
        (window("edcba", whole=True), "abc", "de", "", False),
        (window("abcde", whole=True), "abc", "de", "", True),
        (window("edcbaf", whole=True), "abc", "def", "", True),
        (window("cab", whole=True), "abc", "", "", False),  # in another order
        (window("b", whole=True), "abc", "", "", False),  # shrunk
        (window("xdcb"), "dcb", "x", "", False),
        (window("dcba"), "dcb", "", "a", False),  # something above has gone
        (window("xdyba"), "db", "yx", "a", False),
        (window("wxyz"), "abc", "zyxw", "", False),
        (window("cdef", tail=True), "cde", "f", "", False),
        (window("bcde", tail=True), "cde", "", "b", False),
        (window("xyz", tail=True), "", "xyz", "", False),
    ],
)
def test_what_is_new(part: Window, seen: str, new: str, old: str, at_end: bool) -> None:
    found = fresh(part, set(seen), tail=False)
    assert ("".join(one.key for one in found.new), "".join(one.key for one in found.old)) == (new, old)
    assert found.at_end is at_end


def test_dates_go_before_places() -> None:
    dated = [entry("a", "2026-01-02"), entry("b", "2026-01-01"), entry("c", "2026-01-03")]
    assert [one.key for one in in_order(dated, tail=False)] == ["b", "a", "c"]
    assert [one.key for one in in_order([*dated, entry("d")], tail=False)] == ["d", "c", "b", "a"]
    assert [one.key for one in in_order([*dated, entry("d")], tail=True)] == ["a", "b", "c", "d"]
    assert not ascends(dated)
    assert not ascends(dated[:1])
    assert ascends(dated[1:])
    assert not ascends([entry("a", "2026-01-02"), entry("b", "2026-01-02")])


@pytest.mark.parametrize(
    ("given", "one", "takes", "unsure"),
    [
        (Filters(), entry("Talk"), True, False),
        (Filters(match="talk, film"), entry("A TALK on"), True, False),
        (Filters(match="talk of,film"), entry("A talk on"), False, False),
        (Filters(match="straße"), entry("STRASSE"), True, False),
        (Filters(without="live,trailer"), entry("Trailer 2"), False, False),
        (Filters(match=".*"), entry("Talk"), False, False),
        (Filters(newer="2026-01-01"), entry("a", "2026-01-01"), True, False),
        (Filters(newer="2026-01-01"), entry("a", "2025-12-31"), False, False),
        (Filters(newer="2026-01-01"), entry("a"), True, True),
        (Filters(newer="2026-01-01", match="b"), entry("a"), False, False),
        (Filters(least=60), entry("a", duration=59.9), False, False),
        (Filters(least=60, most=90), entry("a", duration=60), True, False),
        (Filters(most=90), entry("a", duration=91), False, False),
        (Filters(most=90), entry("a", duration=0), True, False),
        (Filters(most=90), entry("a"), True, True),
    ],
)
def test_what_is_wanted(given: Filters, one: Entry, takes: bool, unsure: bool) -> None:
    assert (given.takes(one), given.unsure(one)) == (takes, unsure)
    assert filters.restored(given.stored) == given


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("yesterday", "", "", "", ""), "--newer takes a date"),
        (("2026-02-30", "", "", "", ""), "--newer takes a date"),
        (("", ",", "", "", ""), "--match takes words"),
        (("", "", "x" * 501, "", ""), "--without takes words"),
        (("", "", "", "long", ""), "--min takes a duration"),
        (("", "", "", "", "0s"), "--max takes a duration"),
        (("", "", "", "3h", "2m"), "nothing fits"),
    ],
)
def test_filters_that_are_none(given: tuple[str, str, str, str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        filters.read(*given)


def test_filters_in_words() -> None:
    found = filters.read("2026-01-31", "talk", "live", "2m", "3h")
    assert str(found) == "from 2026-01-31 on, with “talk”, without “live”, at least 2 min 0 s, at most 3 h 0 min"
