"""The sums on a real store: they are the truth after whatever becomes of jobs, and of the process."""

import itertools
import random
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.model import JobState, Moved, Order, Stage
from medusa.numbers import Numbers, Span
from medusa.storage import Store, open_store
from medusa.storage.jobs import Jobs
from medusa.storage.sums import MOST_A_DAY, Sums, SumTable

NOON = time.mktime((2026, 3, 15, 12, 0, 0, 0, 0, -1))
DAY = 86400.0
ENDS = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


async def truth(store: Store) -> tuple[Sums, Counter[str], Counter[tuple[str, str]]]:
    """What the jobs themselves say: sums in all, ends by day, and done or failed ones by day and host."""
    total, days, hosts = Sums(), Counter[str](), Counter[tuple[str, str]]()
    for job in await Jobs(store).recent(10_000):
        if not job.state.ended:
            continue
        day, size, moved = time.strftime("%Y-%m-%d", time.localtime(job.ended)), job.size, job.moved
        done = job.state is JobState.DONE
        days[day] += 1
        hosts[day, job.order.host] += job.state is not JobState.CANCELLED
        total += Sums(
            done, job.state is JobState.FAILED, job.state is JobState.CANCELLED, size * done, moved.down, moved.up,
            max(0, size - moved.up) * done, size * moved.streamed * done, moved.fetching, moved.sending, moved.making,
        )  # fmt: skip
    return total, days, +hosts


async def kept(store: Store) -> tuple[Sums, Counter[str], Counter[tuple[str, str]]]:
    """What the sums say."""
    days = await SumTable(store).days("0000", "9999")
    hosts = await store.read("SELECT day, host, done + failed FROM source_sums")
    total = Sums()
    for one in days.values():
        total += one
    counts = Counter({day: one.done + one.failed + one.cancelled for day, one in days.items()})
    return total, +counts, +Counter({(day, host): count for day, host, count in hosts})


async def happen(store: Store, chance: random.Random, now: float) -> None:
    """One thing that may happen to jobs."""
    jobs = Jobs(store)
    known = await jobs.recent(1000)
    if not known or chance.random() < 0.3:
        order = Order(f"https://site{chance.randrange(4)}.org/{chance.random()}")
        await jobs.add([order] * chance.randint(1, 3), 1, chance.getrandbits(40), now)
        return
    job = chance.choice(known)
    if job.state.ended and job.state is not JobState.DONE:
        again = replace(job, state=JobState.QUEUED, stage=Stage.RESOLVE, ended=None, told=False)
        await jobs.requeue(again, now)
    elif not job.state.ended and chance.random() < 0.2:
        await jobs.set_state([one.id for one in known], JobState.CANCELLED, now)
    elif not job.state.ended:
        moved = job.moved.after(chance.choice(list(Stage)), *(chance.randrange(10**9) for _ in range(3)))
        size = chance.randrange(10**9)
        await jobs.save(replace(job, state=JobState.RUNNING, moved=moved, size=size))
        ended = replace(job, state=chance.choice(ENDS), moved=moved, size=size, ended=now)
        await jobs.save(ended)
        await jobs.save(ended)  # as after a commit whose answer was lost


@pytest.mark.parametrize("seed", range(3))
async def test_the_sums_are_those_of_the_jobs(tmp_path: Path, seed: int) -> None:
    """Over days, a clock that jumps, jobs that are tried again, and kills that take what was not committed."""
    chance, now = random.Random(seed), NOON
    for _ in range(4):
        async with open_store(tmp_path / "state") as store:
            for _ in range(25):
                await happen(store, chance, now)
                now += chance.choice((60.0, 3600.0, DAY, -3 * DAY, 400 * DAY, -400 * DAY))
            with pytest.raises(ZeroDivisionError):
                async with store.write() as db:
                    await db.run("UPDATE jobs SET state = 'failed', ended = ? WHERE state <> 'done'", (now,))
                    raise ZeroDivisionError
            assert await kept(store) == await truth(store)
    async with open_store(tmp_path / "state") as store:
        assert await kept(store) == await truth(store)
        assert (await truth(store))[0].done > 3


async def end(store: Store, host: str, at: float, state: JobState = JobState.DONE, size: int = 1000) -> None:
    jobs = Jobs(store)
    [job] = await jobs.add([Order(f"https://{host}/film")], 1, random.getrandbits(40), at)
    moved = Moved(down=size, up=size, fetching=500, sending=250)
    await jobs.save(replace(job, state=state, size=size, moved=moved, ended=at))


async def test_a_span_in_pieces(tmp_path: Path) -> None:
    async with open_store(tmp_path / "state") as store:
        numbers = Numbers(SumTable(store), tmp_path, now=lambda: NOON)
        assert (await numbers.report(Span.WEEK)).best is None
        for back in (400, 250, 30, 29, 7, 6, 1, 1, 0):
            await end(store, "a.org", NOON - back * DAY)
        await end(store, "b.org", NOON, JobState.FAILED)
        counts = {span: [point.sums.done for point in await numbers.series(span)] for span in Span}
        assert {span: (len(found), sum(found)) for span, found in counts.items()} == {
            Span.DAY: (24, 1),
            Span.WEEK: (7, 4),
            Span.MONTH: (30, 6),
            Span.YEAR: (12, 8),
        }
        assert counts[Span.WEEK] == [1, 0, 0, 0, 0, 2, 1]
        report = await numbers.report(Span.WEEK)
        assert (report.total.success, report.total.down_speed, report.total.up_speed) == (0.8, 2000.0, 4000.0)
        assert report.best is not None
        assert report.best.label == "2026-03-14"
        assert [(one.host, one.done, one.failed) for one in report.sources] == [("a.org", 4, 0), ("b.org", 0, 1)]


async def test_samples_and_many_sources(tmp_path: Path) -> None:
    """Disk and memory keep their worst; of a day that is over, only the greatest sources keep their names."""
    async with open_store(tmp_path / "state") as store:
        table = SumTable(store)
        numbers = Numbers(table, tmp_path, now=lambda: NOON)
        for number in range(100):
            await end(store, f"s{number % 70}.org", NOON - DAY)
        assert await store.read("SELECT count(*), sum(done) FROM source_sums") == [(61, 100)]
        for free, memory in ((50, 7), (40, 9), (60, 8)):
            await numbers.keep(NOON, free, memory)
        assert await store.read("SELECT count(*), sum(done) FROM source_sums") == [(MOST_A_DAY + 1, 100)]
        *_, last = await numbers.series(Span.DAY)
        assert (last.sums.free, last.sums.memory) == (40, 9)
        assert [point.sums.free for point in await numbers.series(Span.WEEK)] == [None] * 6 + [40]
        sources = await table.sources("2026-03-01", "2026-03-31", 3)
        assert (len(sources), sources[-1].host, sum(one.done for one in sources)) == (4, "", 100)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"])
async def test_days_are_local_ones(tmp_path: Path, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 23, 24 or 25 hours: each hour of a spring and an autumn counts in exactly one of the days."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        async with open_store(tmp_path / "state") as store:
            for first in ((2026, 3, 7), (2026, 10, 24), (2026, 10, 31)):
                begin = time.mktime((*first, 0, 0, 0, 0, 0, -1))
                for hour in range(72):
                    await end(store, "a.org", begin + hour * 3600.0)
            assert (await kept(store))[1] == (await truth(store))[1]
            now = time.mktime((2026, 10, 27, 1, 0, 0, 0, 0, -1))
            week = await Numbers(SumTable(store), tmp_path, now=lambda: now).series(Span.WEEK)
            hours = [round((after.at - one.at) / 3600) for one, after in itertools.pairwise(week)]
            assert [one.sums.done for one in week[3:6]] == [*hours[3:5], 72 - sum(hours[3:5])]
    finally:
        monkeypatch.undo()
        time.tzset()
