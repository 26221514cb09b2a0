"""Backups of real states: what is in them, that they restore, and what becomes of damaged and foreign ones."""

import asyncio
import hashlib
import io
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medusa.backups import sealed
from medusa.backups import service as service_module
from medusa.backups.copies import read_manifest
from medusa.backups.restore import restore
from medusa.backups.sealed import DAMAGED, NO_BACKUP, WRONG_KEY, seal, unseal
from medusa.backups.service import Backups
from medusa.config import Config
from medusa.errors import MedusaError, UserError
from medusa.firstrun import ensure_login
from medusa.model import JobState, Notice
from medusa.settings import Settings
from medusa.storage import Store, open_store, replacing
from medusa.storage.connecting import connector
from medusa.storage.dump import build
from medusa.storage.folder import DATABASE, KEY_FILE, SLOTS
from medusa.storage.jobs import Jobs
from medusa.storage.keyring import Secrets
from medusa.storage.library import Posts
from medusa.storage.migrate import migrations
from medusa.storage.outbox import Entry, Outbox
from medusa.storage.settings import StoredSettings
from medusa.storage.telegram import Login, TelegramState, UpdateState
from tests.flips.backup import a_backup, flipped
from tests.integration.storage_kit import CHAT, add, put_entries, shown

NOBODY = Secrets()
LOGIN = Login(2, "149.154.167.50", 443, b"AUTH-KEY-MARKER!" * 16)


async def service(
    store: Store, folder: Path, now: Callable[[], float] = time.time, told: list[str] | None = None
) -> Backups:
    settings = Settings(StoredSettings(store))
    await settings.load()

    def tell(_kind: Notice, text: str) -> None:
        if told is not None:
            told.append(text)

    return Backups(store, settings, tell, folder, now=now)


async def fill(store: Store) -> None:
    """Something in many tables."""
    job, other, third = await add(store, 1, 3)
    await put_entries(store, Entry(job.id, 0, CHAT, 2**62, "media", 5, 6, b"\0\xff ref", 77, b"c" * 32))
    await Outbox(store).posted(job.id, {0: 77}, [shown(job)])
    await Jobs(store).save(replace(other, state=JobState.RUNNING, title="Ünï \N{PILE OF POO}"))
    await Jobs(store).save(replace(third, state=JobState.FAILED, ended=5.0))
    await StoredSettings(store).set("quality", "720")
    await TelegramState(store).save(LOGIN, (), [UpdateState(0, 9, 0, 1, 1)])


def contents(folder: Path) -> dict[str, str]:
    """The hashes of the files that make up a state, and the names of the folders beside them."""
    files = [folder / name for name in (DATABASE, SLOTS, KEY_FILE)]
    folders = {path.name: "" for path in folder.iterdir() if path.is_dir()}
    return folders | {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


async def made(folder: Path, *, login: bool = False) -> tuple[Path, bytes]:
    """A filled state in ``folder``, its backup and the key."""
    async with open_store(folder) as store:
        await fill(store)
        backups = await service(store, folder)
        done = await backups.make(["folder"], login=login)
        key = (await backups.table.key()).key
    return Path(done.records[0].place) / done.records[0].name, key


async def test_a_backup_restores_all_but_the_login_and_lets_nothing_run(tmp_path: Path, config: Config) -> None:
    path, key = await made(tmp_path / "old")
    outcome = await restore([path], key, tmp_path / "new", NOBODY, now=lambda: 2e9)
    assert (outcome.stilled, outcome.login, outcome.aside) == ((2, 0, 0, 0), False, None)
    async with open_store(tmp_path / "old") as old, open_store(tmp_path / "new") as new:
        assert [job.state for job in await Jobs(new).live()] == [JobState.PAUSED] * 2
        assert await Outbox(new).entries(1) == await Outbox(old).entries(1)
        assert [post.title for post in await Posts(new).find("fluss", 0, 10)] == [
            post.title for post in await Posts(old).find("fluss", 0, 10)
        ]
        assert (await Jobs(new).get(2) or fail()).title == "Ünï \N{PILE OF POO}"
        assert (await StoredSettings(new).all())["quality"] == "720"
        assert (await TelegramState(new).login(), await TelegramState(new).updates()) == (None, [])
        [before], [after] = [await store.read("SELECT id, lineage, generation FROM instance") for store in (old, new)]
        assert after[0] != before[0]
        assert after[1:] == (before[1], 2)
        [fresh] = await add(new, 2)
        assert fresh.id == 4  # no number is given twice
        assert await new.read("SELECT sum(jobs) FROM job_counts") == [(3,)]
    with pytest.raises(UserError, match="Nobody is logged in yet"):
        await ensure_login(replace(config, data=tmp_path / "new"))


def fail() -> Any:
    raise AssertionError


async def test_the_login_is_in_it_only_when_asked_for_and_nothing_is_in_plain_text(tmp_path: Path) -> None:
    path, key = await made(tmp_path / "old")
    assert not read_manifest(io.BytesIO(path.read_bytes()), key).login
    lines = b"".join(unseal(key, io.BytesIO(path.read_bytes())))
    assert b"telegram_login" not in lines
    path, key = await made(tmp_path / "other", login=True)
    assert b"example.org" not in path.read_bytes()
    outcome = await restore([path], key, tmp_path / "new", NOBODY)
    assert outcome.login
    async with open_store(tmp_path / "new") as store:
        assert await TelegramState(store).login() == LOGIN


async def test_10000_flips_in_small_a_cut_at_each_frame_and_foreign_files_are_noticed(tmp_path: Path) -> None:
    whole, key = await a_backup(tmp_path, 3000)
    assert len(whole) > sealed.HEAD + 1000
    assert flipped(whole, key, 400, 1).silent == []
    for size in (0, 5, sealed.HEAD, sealed.HEAD + 16, len(whole) - 1, len(whole) // 2):
        with pytest.raises(UserError) as refused:
            list(unseal(key, io.BytesIO(whole[:size])))
        assert refused.value.user_text in (DAMAGED, NO_BACKUP)
    for wrong, words in ((whole + b"\0", DAMAGED), (b"PK" + whole, NO_BACKUP)):
        with pytest.raises(UserError, match=words.split(".")[0]):
            list(unseal(key, io.BytesIO(wrong)))
    with pytest.raises(UserError, match=WRONG_KEY.split(".")[0]):
        list(unseal(bytes(32), io.BytesIO(whole)))


def test_frames_can_be_neither_dropped_nor_swapped_nor_cut_off() -> None:
    out, key, noise = io.BytesIO(), b"k" * 32, hashlib.shake_256(b"noise").hexdigest(200_000).encode()
    seal(key, [noise + b"\n"], out)
    whole, frame = out.getvalue(), sealed.FRAME + 16
    assert list(unseal(key, io.BytesIO(whole))) == [noise]
    head, frames = (
        whole[: sealed.HEAD],
        [whole[start : start + frame] for start in range(sealed.HEAD, len(whole), frame)],
    )
    assert len(frames) == 4
    for torn in (frames[:-1], frames[1:], [frames[1], frames[0], *frames[2:]], frames[:1] * 4, frames[-1:]):
        with pytest.raises(UserError, match="damaged"):
            list(unseal(key, io.BytesIO(head + b"".join(torn))))


@pytest.mark.parametrize("trouble", ["wrong key", "flipped", "truncated", "newer", "a part is missing", "gone"])
async def test_what_cannot_be_restored_changes_nothing(tmp_path: Path, trouble: str) -> None:
    path, key = await made(tmp_path / "old")
    async with open_store(tmp_path / "new") as store:
        await TelegramState(store).save(LOGIN)
    before, paths, whole = contents(tmp_path / "new"), [path], path.read_bytes()
    match trouble:
        case "wrong key":
            key = bytes(32)
        case "flipped":
            path.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
        case "truncated":
            path.write_bytes(whole[:-100])
        case "newer":
            lines = list(unseal(key, io.BytesIO(whole)))
            lines[0] = lines[0].replace(f'"schema":{len(migrations())}'.encode(), b'"schema":9999')
            with path.open("wb") as out:
                seal(key, [line + b"\n" for line in lines], out)
        case "a part is missing":
            paths = [path.with_name(path.name + ".1of2")]
            path.rename(paths[0])
        case _:
            path.unlink()
    with pytest.raises(UserError) as refused:
        await restore(paths, key, tmp_path / "new", NOBODY)
    assert len(refused.value.user_text.splitlines()) <= 2
    assert contents(tmp_path / "new") == before


async def test_an_older_backup_is_migrated(tmp_path: Path) -> None:
    key, folder = b"k" * 32, tmp_path / "old"
    folder.mkdir()
    (folder / DATABASE).touch()
    connection = connector(folder / DATABASE, b"d" * 32)()
    first = next(step.number for step in migrations() if step.name.endswith("_backups.sql"))
    build(connection, migrations()[:first], [b'["settings",[["quality","480"]]]'])
    connection.close()
    from medusa.backups.copies import write_copy
    from medusa.storage.backups import Instance

    connection = connector(folder / DATABASE, b"d" * 32)()
    write_copy(connection, folder / "copy", key, Instance("a" * 16, "a" * 16, 1), None, now=1.0)
    connection.close()
    await restore([folder / "copy"], key, tmp_path / "new", NOBODY)
    async with open_store(tmp_path / "new") as store:
        assert (await StoredSettings(store).all())["quality"] == "480"
        assert await store.read("PRAGMA user_version") == [(len(migrations()),)]


async def test_a_state_with_jobs_is_only_moved_aside_and_a_login_is_taken_over(tmp_path: Path) -> None:
    path, key = await made(tmp_path / "old")
    async with open_store(tmp_path / "new") as store:
        await add(store, 5, 4)
        await TelegramState(store).save(LOGIN)
    with pytest.raises(UserError, match="--replace"):
        await restore([path], key, tmp_path / "new", NOBODY)
    outcome = await restore([path], key, tmp_path / "new", NOBODY, replace=True)
    assert outcome.aside is not None
    async with open_store(outcome.aside) as store:
        assert len(await Jobs(store).live()) == 4
    async with open_store(tmp_path / "new") as store:
        assert len(await Jobs(store).live()) == 2
        assert await TelegramState(store).login() == LOGIN


async def test_a_restored_state_without_its_key_says_so(tmp_path: Path) -> None:
    path, key = await made(tmp_path / "old")
    await restore([path], key, tmp_path / "new", NOBODY)
    (tmp_path / "new" / "medusa.key").unlink()
    with pytest.raises(UserError, match=r"The key file .* is missing"):
        async with open_store(tmp_path / "new"):
            pass
    (tmp_path / "new" / "medusa.key").write_bytes((tmp_path / "old" / "medusa.key").read_bytes())
    with pytest.raises(UserError, match="does not open the state"):
        async with open_store(tmp_path / "new"):
            pass


@pytest.mark.parametrize("jobs", [0, 2])
async def test_a_key_file_in_the_state_folder_gives_way_to_the_new_one_there(tmp_path: Path, jobs: int) -> None:
    """Where MEDUSA_KEY_FILE names just the file that is the usual one, by whichever way."""
    path, key = await made(tmp_path / "old")
    (tmp_path / "link").symlink_to(tmp_path / "new" / KEY_FILE)
    for given in (Secrets(tmp_path / "new" / KEY_FILE), Secrets(tmp_path / "link")):
        async with open_store(tmp_path / "new") as store:
            await add(store, 5, jobs)
        await restore([path], key, tmp_path / "new", given, replace=True)
        async with open_store(tmp_path / "new", key_file=given.key_file) as store:
            assert len(await Jobs(store).live()) == 2
        shutil.rmtree(tmp_path / "new")


async def test_a_state_that_cannot_be_opened_any_more_is_only_moved_aside(tmp_path: Path) -> None:
    path, key = await made(tmp_path / "old")
    async with open_store(tmp_path / "new") as store:
        await add(store, 5, 1)
    (tmp_path / "new" / DATABASE).write_bytes(b"\x5a" * 20_000)
    with pytest.raises(UserError, match="--replace"):
        await restore([path], key, tmp_path / "new", NOBODY)
    outcome = await restore([path], key, tmp_path / "new", NOBODY, replace=True)
    assert outcome.aside is not None
    assert (outcome.aside / DATABASE).read_bytes() == b"\x5a" * 20_000


async def test_a_restore_that_is_broken_off_at_any_step_is_completed_or_never_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each move of a file is a moment to die; the next start brings it to its end."""
    path, key = await made(tmp_path / "old")
    moves = 0
    original = Path.replace

    class Killed(BaseException):
        pass

    for die_at in range(1, 12, 2):
        folder = tmp_path / f"new{die_at}"
        async with open_store(folder) as store:
            await add(store, 5, 4)
        moves = 0

        def replace_or_die(self: Path, target: Path, die_at: int = die_at) -> Path:
            nonlocal moves
            if ".restoring" in str(self) or "before-restore" in str(target):
                moves += 1
                if moves == die_at:
                    raise Killed
            return original(self, target)

        monkeypatch.setattr(Path, "replace", replace_or_die)
        try:
            await restore([path], key, folder, NOBODY, replace=True)
        except Killed:
            pass
        else:
            break
        finally:
            monkeypatch.setattr(Path, "replace", original)
        async with open_store(folder) as store:
            assert len(await Jobs(store).live()) in (2, 4)
            assert not (folder / replacing.STAGING / "ready").exists()
    assert die_at > 5


async def test_jobs_go_on_while_a_backup_is_made_and_it_is_of_one_moment(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await add(store, 1, 2000)
        backups = await service(store, tmp_path)
        done = False

        async def write() -> int:
            number = 2
            while not done:
                await add(store, number, 2)  # always in pairs
                number += 1
                await asyncio.sleep(0)
            return number

        writing = asyncio.create_task(write())
        result = await backups.make(["folder"])
        done = True
        assert await writing > 4
        assert result.manifest.counts["jobs"] % 2 == 0
        assert result.manifest.counts["jobs"] == 2000 + 2 * (result.manifest.counts["handled"] - 1)
        assert backups.last_good == result.manifest.created


async def test_old_backups_go_only_when_a_new_one_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = 1_800_000_000.0
    async with open_store(tmp_path / "state") as store:
        backups = await service(store, tmp_path / "state", now=lambda: at)
        (tmp_path / "usb").mkdir()
        for _ in range(9):
            at += 86400
            await backups.make(["folder", str(tmp_path / "usb")], rotate=True)
        kept = sorted(path.name for path in (tmp_path / "usb").iterdir())
        assert 5 <= len(kept) <= 8
        assert kept == sorted(path.name for path in (tmp_path / "state" / "backups").iterdir())
        shutil.rmtree(tmp_path / "usb")
        at += 86400
        with pytest.raises(MedusaError, match="mounted"):
            await backups.make(["folder", str(tmp_path / "usb")], rotate=True)
        assert backups.last_good == at - 86400
        assert len([one for one in await backups.table.records() if one.place == str(tmp_path / "usb")]) == len(kept)


async def test_a_folder_that_may_not_even_be_looked_at_is_named(tmp_path: Path) -> None:
    """Such as one in somebody else's home; here one whose name is too long, which even root may not look at."""
    closed = "/" + "x" * 300
    async with open_store(tmp_path) as store:
        backups = await service(store, tmp_path)
        with pytest.raises(UserError, match=r"The folder /x*x for backups can't be used: File name too long"):
            await backups.make(["folder", closed])
        assert [record.place for record in await backups.table.records() if record.good] == [str(tmp_path / "backups")]


async def test_a_full_disk_leaves_the_old_backups_and_the_state(
    small_disk: Callable[[Path, int], Path], tmp_path: Path
) -> None:
    disk = small_disk(tmp_path / "disk", 40_000_000)
    async with open_store(disk / "state") as store:
        backups = await service(store, disk / "state")
        await backups.make(["folder"])
        (disk / "filler").write_bytes(bytes(20_000_000))
        with pytest.raises(MedusaError, match="room"):
            await backups.make(["folder"])
        await add(store, 1, 3)
        assert len(list((disk / "state" / "backups").iterdir())) == 1
        (disk / "filler").unlink()
        await backups.make(["folder"])


async def test_what_a_kill_has_left_is_cleared_away(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        backups = await service(store, tmp_path)
        [record] = (await backups.make(["folder"])).records
        await backups.table.put(replace(record, good=False))
        for name in (".draft", ".back", ".check.db", f".{record.name}.new"):
            (tmp_path / "backups" / name).touch()
        [second] = (await backups.make(["folder"])).records
        assert [path.name for path in (tmp_path / "backups").iterdir()] == [second.name]


async def test_the_schedule_makes_one_backup_for_each_time_and_for_each_jump_of_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "FIRST", 0.0)
    monkeypatch.setattr(service_module, "LOOK", 0.01)
    monkeypatch.setattr(service_module, "pause", lambda failures, every: 0.01)
    clock, told = [1_800_000_000.0], list[str]()
    async with open_store(tmp_path / "state") as store:
        await StoredSettings(store).set("backup-to", str(tmp_path / "usb"))
        backups = await service(store, tmp_path / "state", now=lambda: clock[0], told=told)
        running = asyncio.create_task(backups.run())

        async def until(condition: Callable[[], bool]) -> None:
            async with asyncio.timeout(30):
                while not condition():
                    await asyncio.sleep(0.01)

        await until(lambda: backups.failures > 2)
        assert "mounted" in told[0]
        (tmp_path / "usb").mkdir()
        await until(lambda: backups.last_good == clock[0])
        await until(lambda: "/backup key" in told[-1])
        assert told[-2] == "Backups work again."
        for jump in (86400.0, 400 * 86400.0, -500 * 86400.0):
            clock[0] += jump
            await until(lambda: backups.last_good == clock[0])
        await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        records = await backups.table.records()
        assert len({record.at for record in records}) == len(records) <= 4
        again = await service(store, tmp_path / "state")
        await again.load()
        assert again.last_good == max(record.at for record in records)


async def test_backups_of_one_second_bear_names_of_their_own(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        backups = await service(store, tmp_path, now=lambda: 1e9)
        names = [(await backups.make(["folder"])).records[0].name for _ in range(2)]
        assert len(set(names)) == 2
