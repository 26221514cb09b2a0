"""What grows old goes, a little at a time, and a year of work fits into a small file."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from medusa.care import wipe
from medusa.care.house import House
from medusa.care.ids import found
from medusa.care.keeper import Keeper
from medusa.errors import MedusaError, Transient, UserError
from medusa.model import Order
from medusa.settings import Settings
from medusa.storage import Store, open_store
from medusa.storage.audit import Audit
from medusa.storage.handled import Handled
from medusa.storage.jobs import Jobs
from medusa.storage.keyring import Secrets
from medusa.storage.library import keep
from medusa.storage.retention import DAY, KINDS
from medusa.storage.settings import StoredSettings
from medusa.storage.traffic import TrafficTable
from tests.integration.storage_kit import shown

BEGIN = 1_800_000_000.0
PER_DAY = int(os.environ.get("RETENTION_JOBS", "4"))
"""Jobs a day of the year that is simulated."""


@asynccontextmanager
async def keeping(folder: Path) -> AsyncIterator[tuple[Store, Settings, Keeper, list[str]]]:
    sent: list[str] = []

    async def send(path: Path, name: str) -> None:
        sent.append(f"{name} {path.read_text().count(chr(10))}")

    async with open_store(folder) as store:
        settings = Settings(StoredSettings(store))
        yield store, settings, Keeper(store, settings, send, lambda: True, folder / "scratch", pause=0), sent


async def work(store: Store, day: int, jobs: int = 20) -> None:
    """A day's jobs, posts, commands and bytes."""
    now = BEGIN + day * DAY
    orders = [Order(f"https://example.org/watch?v={day}-{n}-{'x' * 40}", caption="A caption") for n in range(jobs)]
    added = await Jobs(store).add(orders, 777, day + 1, now)
    async with store.write() as db:
        await db.run(
            "UPDATE jobs SET state = 'done', ended = ?, told = 1, title = 'A title' WHERE created = ?", (now, now)
        )
        for job in added:
            digest = job.id.to_bytes(4, "little") * 8
            await keep(db, shown(job, source=digest, content=digest, message_id=job.id, at=now))
    for n in range(5):
        await Handled(store).mark(777, 10**6 + day * 10 + n, now)
    await TrafficTable(store).put(time.strftime("%Y-%m-%d", time.gmtime(now)), 10**9, 10**9)


async def test_a_year_fits_into_a_small_file_and_then_it_grows_no_more(tmp_path: Path) -> None:
    async with keeping(tmp_path) as (store, settings, keeper, _):
        await settings.set("keep-history", "60d")
        await settings.set("keep-library", "120d")
        sizes = []
        longest = 0.0
        for week in range(53):
            await work(store, week * 7, jobs=7 * PER_DAY)
            swept = await keeper.sweep(BEGIN + (week * 7 + 7) * DAY)
            longest = max(longest, swept.longest)
            sizes.append(swept.after)
        [(jobs, posts, handled)] = await store.read(
            "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM library), (SELECT count(*) FROM handled)"
        )
        assert (jobs, posts) == (8 * 7 * PER_DAY, 17 * 7 * PER_DAY)
        assert handled <= 13 * 6
        assert max(sizes[26:]) <= max(sizes[:26]) * 1.05  # the pages of what went are used again
        assert max(sizes) < PER_DAY * 400 * 1024
        assert await keeper.count(BEGIN + 371 * DAY) == {}
        assert {kind.table for kind in KINDS} >= set(await keeper.count(BEGIN + 9999 * DAY)) >= {"jobs", "library"}
        assert longest < 30


async def test_a_dry_run_says_what_would_go_and_an_archive_is_sent_before(tmp_path: Path) -> None:
    async with keeping(tmp_path) as (store, settings, keeper, sent):
        await work(store, 0, jobs=2)
        live = await Jobs(store).add([Order("https://example.org/live")], 777, 999, BEGIN)
        now = BEGIN + 200 * DAY
        assert await keeper.count(now) == {"jobs": 2, "handled": 7}
        assert await keeper.count(now) == {"jobs": 2, "handled": 7}
        await settings.set("archive", "on")
        assert (await keeper.sweep(now)).rows == {"jobs": 2, "handled": 7}
        assert [line.split()[0][:15] for line in sent] == ["medusa-archive-"]
        assert (await keeper.sweep(now)).rows == {}
        assert len(sent) == 1
        assert not list((tmp_path / "scratch").iterdir())
        assert [job.id for job in await Jobs(store).live()] == [live[0].id]


async def test_old_entries_of_the_record_go_and_the_rest_still_holds(tmp_path: Path) -> None:
    async with keeping(tmp_path) as (store, _, keeper, __):
        for day in range(5):
            await Audit(store).note(7, "dl", "x", BEGIN + day * DAY)
        now = BEGIN + 732.5 * DAY
        assert await keeper.count(now) == {"audit": 3}
        assert (await keeper.sweep(now)).rows == {"audit": 3}
        assert await Audit(store).verified() == 2


async def test_an_archive_that_cannot_be_sent_keeps_all_where_it_is(tmp_path: Path) -> None:
    async def refuse(path: Path, name: str) -> None:
        raise UserError("no")

    async with keeping(tmp_path) as (store, settings, _, __):
        await settings.set("archive", "on")
        await work(store, 0, jobs=2)
        keeper = Keeper(store, settings, refuse, lambda: True, tmp_path / "scratch", pause=0)
        with pytest.raises(UserError):
            await keeper.sweep(BEGIN + 200 * DAY)
        assert await keeper.count(BEGIN + 200 * DAY) == {"jobs": 2, "handled": 6}
        assert not list((tmp_path / "scratch").iterdir())


async def test_an_archive_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "scratch").touch()
    async with keeping(tmp_path) as (store, settings, keeper, sent):
        await settings.set("archive", "on")
        await work(store, 0, jobs=2)
        with pytest.raises(MedusaError):
            await keeper.sweep(BEGIN + 200 * DAY)
        assert await keeper.count(BEGIN + 200 * DAY) == {"jobs": 2, "handled": 6}
        assert sent == []


async def test_a_file_that_is_mostly_empty_is_written_anew_when_nothing_runs(tmp_path: Path) -> None:
    async with keeping(tmp_path) as (store, settings, keeper, _):
        await settings.set("keep-library", "1d")
        await work(store, 0, jobs=1200)
        busy = Keeper(store, settings, lambda *_: keeper.run(), lambda: False, tmp_path / "scratch", pause=0)
        keeper.worth = busy.worth = 1024**2
        swept = await busy.sweep(BEGIN + 300 * DAY)
        assert swept.after == swept.before > 1024**2
        swept = await keeper.sweep(BEGIN + 300 * DAY)
        assert swept.after < swept.before / 4
        assert swept.longest < 30


def test_ids_are_found_wherever_bots_keep_them(tmp_path: Path) -> None:
    path = tmp_path / "config.py"
    lines = (
        "ADMINS = [123456789, 987654321, 123456789]  # v1.2345678",
        'CHAT = "-1001234567890"',
        "PORT=8080 h0012345678",
    )
    path.write_text("\n".join((*lines, "GROUP=-12345678")))
    assert found(path) == ([123456789, 987654321], [-1001234567890])
    path.write_bytes(b"12345678\0")
    with pytest.raises(UserError, match="binary"):
        found(path)
    path.write_text(" ".join(str(10**6 + n) for n in range(10_001)))
    with pytest.raises(UserError, match="more than 10000"):
        found(path)


async def test_everything_is_erased_even_where_the_login_cannot_be_ended(tmp_path: Path) -> None:
    """From the note on that it is intended there is no way back, so that nobody may hear that nothing was done."""

    async def log_out() -> None:
        raise Transient("Telegram can't be reached.")

    async def erased(_: int) -> None:
        raise AssertionError

    async with keeping(tmp_path) as (store, _, keeper, __):
        house = House(store, tmp_path, tmp_path / "work", Secrets(), keeper, log_out, erased)
        with pytest.raises(wipe.Erased, match="can't be reached") as caught:
            await house.wipe()
    assert "End it yourself" in caught.value.user_text
    assert "Everything is erased" in caught.value.user_text


@pytest.mark.parametrize("gone", [0, 1, 2, 4])
def test_an_erasure_that_was_cut_short_is_finished_at_the_next_start(tmp_path: Path, gone: int) -> None:
    data, work_folder = tmp_path / "data", tmp_path / "work"
    for folder in (data / "log", work_folder / "17"):
        folder.mkdir(parents=True)
    names = ("medusa.keys", "medusa.db", "medusa.db-wal", "medusa.key", "medusa.db.new", ".medusa.keys.new")
    for name in (*names, "log/medusa.log", "log/medusa.log.1", "mine.txt"):
        (data / name).write_text("planted")
    (work_folder / "17" / "thumb.jpg").write_text("planted")
    for folder in (data / "before-restore-20260301-180500", data / ".restoring"):  # with a key beside, it can be read
        folder.mkdir()
        (folder / "medusa.key").write_text("planted")
    wipe.intend(data)
    for name in names[:gone]:
        (data / name).unlink()
    with pytest.raises(wipe.Erased, match="Everything is erased") as caught, wipe.finishing(data, work_folder):
        raise AssertionError("nothing may run on it")
    assert caught.value.fatal
    assert [path.name for path in data.iterdir()] == ["mine.txt"]
    assert not list(work_folder.iterdir())
    with wipe.finishing(data, work_folder):
        pass
