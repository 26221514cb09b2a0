"""/stats and /health as the owner sees them, after jobs that end in every way."""

import re
from dataclasses import replace

from medusa import chart
from medusa.demo.stage import Stage
from medusa.loopback import StoredFile
from medusa.numbers import Span
from medusa.poster import Poster
from medusa.storage.sums import Source
from medusa.telegram.phone import Message
from tests.e2e.kit import send

GOOD = ("/dl sample:notes.pdf", "/dl sample:clip.mp4", "/dl sample:notes.pdf --spoiler", "/dl sample:notes.pdf")
BAD = "/dl http://10.0.0.1/film.mp4"
FIGURES = re.compile(
    r"The last 7 days\n"
    r"Jobs: 4 done \(80 % of 5\), 1 failed\n"
    r"Bytes: 2\.\d MB fetched, 1\.1 MB uploaded, 1\.1 MB posted\n"
    r"Saved: 1\.2 kB not uploaded again, 609 B never on the disk\n"
    r"Mean speeds: \S+ .B/s down, \S+ .B/s up(, .*)?\n"
    r"Top sources: \S+ 4, 10\.0\.0\.1 1\n"
    r"Best day: \w+ \d+ \w+, 1\.1 MB in 4 done\n"
    r"Today \S+ MB of 20\.0 GB fetched"
)


def picture(stage: Stage, message: Message) -> StoredFile:
    """The photo that a message has become."""
    [found] = [one for one in stage.telegram.messages() if one.id == message.id]
    stored = stage.telegram.file_of(found)
    assert stored is not None
    return stored


async def test_statistics_and_health(stage: Stage) -> None:
    *_, early = await send(stage, "/stats")
    assert early.text == "The last 7 days\nNo job has ended in this time."
    await send(stage, *GOOD, BAD, "/set budget-down 20G")
    commits = stage.app.store.commits
    *_, week, today, wrong, health = await send(stage, "/stats", "/statistics TODAY", "/stats 2 weeks", "/health")
    assert FIGURES.fullmatch(week.text), week.text
    assert today.text.startswith("Today\nJobs: 4 done (80 % of 5), 1 failed\n")
    for message in (early, week, today):
        assert message.file is not None
        assert (message.file.mime, message.file.width, message.file.height) == ("image/jpeg", 1280, 720)
        assert 20_000 < picture(stage, message).size < 300_000
    assert wrong.text.startswith("“2 weeks” is no span of time that there are statistics of")
    assert wrong.file is None
    assert health.text.startswith("All is well.\n✓ Telegram connected\n✓ disk ")
    assert "✓ jobs 1 of 5 failed within the last hour" in health.text
    assert not list((stage.app.config.work / "looks").glob("stats-*"))
    assert stage.app.store.commits - commits < 20


async def test_without_a_picture_the_figures_answer(stage: Stage) -> None:
    """As on a machine without ffmpeg, or with one that can't write."""
    report = await stage.app.numbers.report(Span.YEAR)
    work = stage.app.config.work
    assert await Poster(None, work).draw(report) is None
    assert await Poster(work / "no-such-ffmpeg", work / "drawn").draw(report) is None
    hostile = replace(report, sources=(Source("{\\p1}m 0 0 l 9 9\nDialogue: 0,'%{\u202e", 1, 0, 0),))
    assert chart.written(hostile, 0.0).count("\n") == chart.written(replace(report, sources=()), 0.0).count("\n") + 3
    assert (await stage.app.router._desk.draw(hostile) or b"")[:2] == b"\xff\xd8"
