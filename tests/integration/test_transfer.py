"""Uploads over real lanes into the embedded Telegram, in fair weather and foul."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest
from telethon.tl.alltlobjects import LAYER

from medusa.errors import StreamBroken, Transient, UserError
from medusa.loopback import Loopback
from medusa.model import Progress
from medusa.telegram.client import Account
from medusa.telegram.errors import MissingPart, translated
from medusa.telegram.lanes import Lanes
from medusa.telegram.parts import BIG_FILE, PART_SIZE
from medusa.telegram.transfer import Uploader, new_ledger
from medusa.throttle import Throttle
from tests.integration.loopback_clients import until
from tests.integration.transfer_kit import BOUNDARIES, MOST, fresh, lanes_to, served, silent, stored, telegram


@pytest.fixture
async def world() -> AsyncIterator[tuple[Loopback, Account]]:
    async with telegram() as both:
        yield both


World = tuple[Loopback, Account]


def written(path: Path, size: int, seed: int = 0) -> str:
    """Fill ``path`` with random bytes; returns their hash."""
    data = random.Random(seed).randbytes(size)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


async def test_a_file_arrives_whole(world: World, tmp_path: Path) -> None:
    loopback, account = world
    path = tmp_path / "file.bin"
    async with lanes_to(account) as lanes:
        for size in BOUNDARIES:
            digest = written(path, size)
            before = loopback.payload
            seen: list[Progress] = []
            uploaded = await Uploader(lanes).upload(path, "file.bin", new_ledger(path), seen.append)
            assert (await stored(account, loopback, uploaded)).sha256 == digest
            assert (seen[-1].done, seen[-1].total) == (size, size)
            assert loopback.payload - before == size


@pytest.mark.parametrize("known", [True, False])
async def test_a_stream_arrives_whole(world: World, known: bool) -> None:
    loopback, account = world
    async with lanes_to(account) as lanes:
        for size in BOUNDARIES:
            data = random.Random(size).randbytes(size)
            uploaded = await Uploader(lanes).upload_stream(
                served(data), "s.bin", fresh(size if known else None), silent
            )
            assert (await stored(account, loopback, uploaded)).sha256 == hashlib.sha256(data).hexdigest()
            small = size <= (BIG_FILE if known else PART_SIZE)
            assert hasattr(uploaded, "md5_checksum") is small


async def test_nothing_cannot_be_uploaded(world: World, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.touch()
    async with lanes_to(world[1]) as lanes:
        uploader = Uploader(lanes)
        with pytest.raises(UserError, match="empty"):
            await uploader.upload(path, "file.bin", new_ledger(path), silent)
        for size in (0, None):
            with pytest.raises(UserError, match="empty"):
                await uploader.upload_stream(served(b""), "file.bin", fresh(size), silent)


@pytest.mark.parametrize("wrong", [-1, 1, 3 * PART_SIZE])
async def test_a_stream_of_another_length_than_announced_is_refused(world: World, wrong: int) -> None:
    data = bytes(4 * PART_SIZE)
    async with lanes_to(world[1]) as lanes:
        with pytest.raises(StreamBroken):
            await Uploader(lanes).upload_stream(served(data), "s.bin", fresh(len(data) + wrong), silent)


@pytest.mark.parametrize("seed", range(4))
async def test_it_arrives_whole_through_floods_drops_and_errors(world: World, tmp_path: Path, seed: int) -> None:
    loopback, account = world
    die = random.Random(seed)
    size = die.randrange(1, 40 * PART_SIZE)
    path = tmp_path / "file.bin"
    digest = written(path, size, seed)
    faults, method = loopback.faults, "upload.save*FilePart"
    faults.fail(method, "FLOOD_WAIT_1", times=2, chance=0.2, seed=seed)
    faults.fail(method, "FLOOD_PREMIUM_WAIT_1", times=1, chance=0.2, seed=seed + 1)
    faults.fail(method, "INTERNAL", code=500, times=2, chance=0.2, seed=seed + 2)
    faults.drop(method, executed=False, times=2, chance=0.2, seed=seed + 3)
    faults.drop(method, executed=True, times=2, chance=0.2, seed=seed + 4)
    faults.delay(method, 0.05, chance=0.3, seed=seed + 5)
    if seed % 2:
        loopback.faults.change_salts()
        loopback.faults.transport_error(429)
    async with lanes_to(account) as lanes:
        uploader = Uploader(lanes)
        streamed = await uploader.upload_stream(served(path.read_bytes()), "s.bin", fresh(None), silent)
        assert (await stored(account, loopback, streamed)).sha256 == digest
        ledger = new_ledger(path)
        for _ in range(5):
            uploaded = await uploader.upload(path, "file.bin", ledger, silent)
            lost = sorted(die.sample(range(1, ledger.parts or 0), 2)) if (ledger.parts or 0) > 2 and _ == 0 else []
            if lost:
                loopback.faults.forget_parts(ledger.file_id, lost)
            try:
                with translated():
                    file = await stored(account, loopback, uploaded)
            except MissingPart as missing:
                ledger.forget(missing.part)
            else:
                break
        assert file.sha256 == digest


async def test_the_first_parts_introduce_their_connection(world: World, tmp_path: Path) -> None:
    """None waits for a greeting, and one that is sent anew introduces itself again."""
    loopback, account = world
    path = tmp_path / "file.bin"
    digest = written(path, 30 * PART_SIZE)
    loopback.faults.change_salts()
    greetings = loopback.calls["help.getNearestDc"]
    async with lanes_to(account) as lanes:
        uploaded = await Uploader(lanes).upload(path, "file.bin", new_ledger(path), silent)
        carriers = [session for session in loopback._world.sessions if session.muted]
        assert len(carriers) == loopback.connections() - 1 == 3
        assert {session.layer for session in carriers} == {LAYER}
    assert loopback.calls["help.getNearestDc"] == greetings
    assert (await stored(account, loopback, uploaded)).sha256 == digest


async def test_a_part_without_an_answer_goes_over_another_lane(world: World, tmp_path: Path) -> None:
    loopback, account = world
    path = tmp_path / "file.bin"
    digest = written(path, 30 * PART_SIZE)
    fault = loopback.faults.hang("upload.saveBigFilePart", times=2)
    async with lanes_to(account, stuck_after=0.5) as lanes:
        uploaded = await Uploader(lanes).upload(path, "file.bin", new_ledger(path), silent)
    assert fault.hits == 2
    assert (await stored(account, loopback, uploaded)).sha256 == digest


@pytest.mark.parametrize("error", ["FLOOD_WAIT_1", "FLOOD_PREMIUM_WAIT_1"])
async def test_a_flood_holds_all_lanes_back_and_has_less_sent_at_once(world: World, tmp_path: Path, error: str) -> None:
    loopback, account = world
    path = tmp_path / "file.bin"
    written(path, 30 * PART_SIZE)
    held: dict[str, int] = {}
    fault = loopback.faults.fail("upload.saveBigFilePart", error, times=1)
    async with lanes_to(account) as lanes:
        start = lanes.pace.window

        def told(progress: Progress) -> None:
            held.setdefault(progress.note, lanes.pace.window)

        await Uploader(lanes).upload(path, "f.bin", new_ledger(path), told)
    assert fault.hits == 1
    assert held["Telegram asks to wait 1 s"] < start
    assert loopback.calls["upload.saveBigFilePart"] == 31


async def test_a_flood_of_a_day_puts_the_upload_off(world: World, tmp_path: Path) -> None:
    loopback, account = world
    path = tmp_path / "file.bin"
    written(path, 8 * PART_SIZE)
    loopback.faults.fail("upload.save*FilePart", "FLOOD_WAIT_86400", times=None)
    async with lanes_to(account) as lanes:
        with pytest.raises(Transient) as caught:
            await Uploader(lanes).upload(path, "file.bin", new_ledger(path), silent)
    assert caught.value.retry_after == 86400


async def test_only_missing_parts_are_sent(world: World, tmp_path: Path) -> None:
    loopback, account = world
    path = tmp_path / "file.bin"
    digest = written(path, 24 * PART_SIZE)
    ledger = new_ledger(path)
    async with lanes_to(account) as lanes:
        uploading = asyncio.create_task(Uploader(lanes).upload(path, "file.bin", ledger, silent))
        await until(lambda: ledger.confirmed_bytes() >= 6 * PART_SIZE)
        uploading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await uploading
        before = ledger.confirmed_bytes()
        sent = loopback.payload
        uploaded = await Uploader(lanes).upload(path, "file.bin", ledger, silent)
    assert loopback.payload - sent <= 24 * PART_SIZE - before + 6 * PART_SIZE
    assert (await stored(account, loopback, uploaded)).sha256 == digest


async def test_of_a_stream_only_missing_parts_are_asked_for_and_sent(world: World) -> None:
    loopback, account = world
    data = random.Random(1).randbytes(30 * PART_SIZE + 7)
    asked: list[int] = []

    def at(offset: int) -> AsyncGenerator[bytes, None]:
        asked.append(offset // PART_SIZE)
        return served(data)(offset)

    ledger = fresh(len(data))
    async with lanes_to(account) as lanes:
        uploader = Uploader(lanes)
        await uploader.upload_stream(at, "s.bin", ledger, silent)
        lost = [3, 4, 5, 20, 29, 30]
        loopback.faults.forget_parts(ledger.file_id, lost)
        for part in lost:
            ledger.forget(part)
        before = loopback.payload
        uploaded = await uploader.upload_stream(at, "s.bin", ledger, silent)
        assert loopback.payload - before == 5 * PART_SIZE + 7
        assert asked == [0, 3, 20, 29]
        await uploader.upload_stream(at, "s.bin", ledger, silent)
        assert asked == [0, 3, 20, 29]
    assert (await stored(account, loopback, uploaded)).sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("streamed", [True, False])
async def test_cancelling_leaves_nothing_behind(world: World, tmp_path: Path, streamed: bool) -> None:
    path = tmp_path / "file.bin"
    written(path, 60 * PART_SIZE)
    for after in (0, 0.005, 0.02, 0.05, 0.2):
        await cancelled(world[1], path, after, streamed=streamed)


async def cancelled(account: Account, path: Path, after: float, *, streamed: bool) -> None:
    """Cancel an upload of ``path`` after so many seconds, then send something else over the same lanes."""
    async with lanes_to(account) as lanes:
        uploader = Uploader(lanes)
        if streamed:
            work = uploader.upload_stream(served(path.read_bytes()), "s.bin", fresh(None), silent)
        else:
            work = uploader.upload(path, "file.bin", new_ledger(path), silent)
        task = asyncio.create_task(work)
        await asyncio.sleep(after)
        task.cancel()
        await asyncio.wait({task})
        # The lanes are shared: what was cancelled must not have spoilt them for others.
        small = path.with_name("small.bin")
        written(small, 3 * PART_SIZE)
        await uploader.upload(small, "small.bin", new_ledger(small), silent)


async def test_what_the_source_raises_goes_through(world: World) -> None:
    async def broken(_: int) -> AsyncGenerator[bytes, None]:
        yield bytes(3 * PART_SIZE)
        raise Transient("The source broke.")

    async with lanes_to(world[1]) as lanes:
        with pytest.raises(Transient, match="source broke"):
            await Uploader(lanes).upload_stream(broken, "s.bin", fresh(None), silent)


async def test_a_file_that_shrinks_meanwhile_is_refused(world: World, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    written(path, 3 * PART_SIZE)
    ledger = new_ledger(path)
    path.write_bytes(bytes(PART_SIZE))
    async with lanes_to(world[1]) as lanes:
        with pytest.raises(UserError, match="changed"):
            await Uploader(lanes).upload(path, "file.bin", ledger, silent)


async def test_who_is_cancelled_while_lanes_close_does_not_keep_them_open(world: World) -> None:
    async with Lanes(world[1], most=MOST) as lanes:
        closing = asyncio.Event()
        lanes._closing = asyncio.create_task(closing.wait())  # type: ignore[arg-type]

        async def use() -> None:
            async with lanes.in_use():
                pytest.fail("closing was still under way")

        waiting = asyncio.create_task(use())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        closing.set()
        assert lanes._users == 0


async def test_what_is_sent_again_counts_against_the_limit(world: World, tmp_path: Path) -> None:
    rate, tries = 4_000_000, Counter[int]()
    throttle = Throttle()
    throttle.limit(rate)
    path = tmp_path / "file.bin"
    written(path, 4 * PART_SIZE)

    def failing(request: object) -> bool:
        tries[request.file_part] += 1  # type: ignore[attr-defined]
        return tries[request.file_part] <= 3  # type: ignore[attr-defined]

    world[0].faults.fail("upload.save*Part", "INTERNAL", code=500, times=None, when=failing)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with lanes_to(world[1], throttle=throttle) as lanes:
        await Uploader(lanes).upload(path, "file.bin", new_ledger(path), silent)
    sent = tries.total() * PART_SIZE
    assert sent == 16 * PART_SIZE
    assert sent <= rate * (loop.time() - began) + PART_SIZE + rate
