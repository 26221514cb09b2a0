"""How sizes, times, progress and jobs read."""

import time
from dataclasses import replace

import pytest
from markupsafe import Markup

from medusa.model import Job, JobState, Order, Priority, Progress, Stage
from medusa.words import bar, job_line, job_lines, moment, progress_line, queue_line, size, span

JOB = Job(7, JobState.QUEUED, Order("https://a.b/c"), 1, 2, created=100.0)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_345_678, "12.3 MB"),
        (123_456_789, "123 MB"),
        (4.2e12, "4200 GB"),
    ],
)
def test_size(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (360_000, "4 d 4 h")],
)
def test_span(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_moment_is_said_in_local_time_to_the_minute() -> None:
    at = 1_772_388_342.7
    assert time.mktime(time.strptime(moment(at), "%Y-%m-%d %H:%M")) == at // 60 * 60


@pytest.mark.parametrize(("fraction", "full"), [(-1, 0), (0, 0), (0.5, 6), (1, 12), (7, 12)])
def test_bar(fraction: float, full: int) -> None:
    assert bar(fraction).count("▰") == full
    assert len(bar(fraction)) == 12


@pytest.mark.parametrize(
    ("progress", "speed", "text"),
    [
        (Progress(), None, ""),
        (Progress(500), None, "500 B"),
        (Progress(50, 100), None, "▰▰▰▰▰▰▱▱▱▱▱▱ 50% · 50 B of 100 B"),
        (Progress(50, 100), 10.0, "▰▰▰▰▰▰▱▱▱▱▱▱ 50% · 50 B of 100 B · 10 B/s · 5 s left"),
        (Progress(500, None), 100.0, "500 B · 100 B/s"),
        (Progress(note="waiting"), None, "waiting"),
        (Progress(120, 100), 1.0, "▰▰▰▰▰▰▰▰▰▰▰▰ 100% · 120 B of 100 B · 1 B/s"),
    ],
)
def test_progress_line(progress: Progress, speed: float | None, text: str) -> None:
    assert progress_line(progress, speed) == text


@pytest.mark.parametrize(
    ("job", "text"),
    [
        (JOB, "… <b>#7</b> queued · https://a.b/c"),
        (replace(JOB, state=JobState.RUNNING, stage=Stage.FETCH), "› <b>#7</b> fetching · https://a.b/c"),
        (
            replace(JOB, state=JobState.DONE, title="T", size=1000, ended=108.0),
            "✓ <b>#7</b> T · 1.0 kB · 8 s",
        ),
        (
            replace(JOB, state=JobState.DONE, title="T", size=1000, ended=108.0, reason="Already posted: <link>"),
            "✓ <b>#7</b> T · 1.0 kB\nAlready posted: &lt;link&gt;",
        ),
        (replace(JOB, state=JobState.FAILED, reason="Gone."), "✗ <b>#7</b> https://a.b/c\nGone."),
        (
            replace(JOB, state=JobState.WAITING, reason="Busy.", not_before=170.0),
            "… <b>#7</b> https://a.b/c\nBusy. Starts in 1 min 0 s.",
        ),
        (
            replace(JOB, state=JobState.WAITING, reason="Busy.", not_before=170.0, attempts=1),
            "… <b>#7</b> https://a.b/c\nBusy. Next try in 1 min 0 s.",
        ),
        (
            replace(JOB, state=JobState.WAITING, reason="Busy.", not_before=170.0, stage=Stage.UPLOAD),
            "… <b>#7</b> https://a.b/c\nBusy. Goes on in 1 min 0 s.",
        ),
        (replace(JOB, state=JobState.PAUSED), "… <b>#7</b> paused · https://a.b/c"),
        (replace(JOB, state=JobState.CANCELLED), "– <b>#7</b> cancelled · https://a.b/c"),
    ],
)
def test_job_line(job: Job, text: str) -> None:
    assert job_line(job, now=110.0) == text


@pytest.mark.parametrize(
    ("job", "text"),
    [
        (JOB, "· <b>#7</b> https://a.b/c"),
        (replace(JOB, title="A\nB", priority=Priority.HIGH), "· <b>#7</b> A B · high"),
        (replace(JOB, state=JobState.RUNNING, stage=Stage.FETCH), "› <b>#7</b> https://a.b/c · fetching · 50%"),
        (
            replace(JOB, state=JobState.WAITING, reason="Busy.\nVery.", not_before=170.0),
            "… <b>#7</b> https://a.b/c · Busy. Very · in 1 min 0 s",
        ),
        (replace(JOB, state=JobState.PAUSED, title="<b>"), "= <b>#7</b> &lt;b&gt; · paused"),
    ],
)
def test_queue_line(job: Job, text: str) -> None:
    assert queue_line(job, Progress(50, 100), now=110.0) == text


def test_a_line_of_the_queue_is_never_long() -> None:
    waiting = replace(JOB, title="T" * 500, reason="R" * 500, state=JobState.WAITING, priority=Priority.LOW)
    assert len(queue_line(waiting, Progress(), now=110.0)) < 200


def test_many_jobs_are_counted_where_they_do_not_fit() -> None:
    done = [replace(JOB, id=n, state=JobState.DONE, title="T" * 100, ended=1.0) for n in range(60)]
    failed = replace(JOB, id=99, state=JobState.FAILED, reason="Gone.")
    text = job_lines([*done, failed], now=1.0)
    assert text.splitlines() == ["✓ 60 done", "✗ <b>#99</b> https://a.b/c", "Gone."]
    many = job_lines([replace(failed, id=n, reason="G" * 100) for n in range(60)], now=1.0)
    assert len(many) < 3500
    assert "more" in many.splitlines()[-1]


def test_a_hostile_title_stays_text() -> None:
    line = job_line(replace(JOB, state=JobState.DONE, title="<a href='tg://x'>y</a>", ended=1.0), now=1.0)
    assert isinstance(line, Markup)
    assert "<a" not in line
