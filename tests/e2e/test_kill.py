"""kill -9 at any point of a job: after a restart, each job has ended with exactly one post."""

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from medusa import loopback
from medusa.demo.mediaserver import MediaServer, serve_media
from medusa.demo.samples import Samples
from medusa.telegram.parts import PART_SIZE
from medusa.telegram.phone import Phone, Server, open_phone, session_string
from tests.crash.processes import Medusa, Zygote, zygote

PATIENCE = 60.0


@dataclass(slots=True)
class Fork:
    """A Medusa that was forked, which can be handled like any other process."""

    medusa: Medusa
    zygote: Zygote
    returncode: int | None = None

    @property
    def pid(self) -> int:
        return self.medusa.pid

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.medusa.end()

    async def wait(self) -> int:
        if self.returncode is None:
            self.returncode = await self.zygote.reap(self.medusa)
        return self.returncode

    async def communicate(self) -> tuple[None, bytes]:
        """Wait for its end; returns all that it has said."""
        await self.wait()
        return None, "\n".join(self.medusa.lines).encode()


Process = asyncio.subprocess.Process | Fork


@dataclass(slots=True)
class World:
    """The world outside Medusa, which goes on while Medusa is killed and started again."""

    samples: Samples
    telegram: loopback.Loopback
    media: MediaServer
    phone: Phone
    session: str
    folder: Path
    zygote: Zygote
    allow: list[str] = field(default_factory=list)
    """Further hosts that Medusa may reach."""
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self) -> Fork:
        """A Medusa in a process of its own, ready for commands.

        It is forked from one that has imported everything, which takes a tenth of the time.
        """
        medusa = await self.zygote.start(self._environment())
        ready, gone = (asyncio.ensure_future(event.wait()) for event in (medusa.ready, medusa.gone))
        await asyncio.wait((ready, gone), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        gone.cancel()
        if not medusa.ready.is_set():
            pytest.fail("\n".join(["It never was ready, but said:", *medusa.lines]))
        return Fork(medusa, self.zygote)

    async def launch(self, *options: str) -> asyncio.subprocess.Process:
        """A Medusa started as its owner starts it, whatever becomes of it."""
        command = (sys.executable, "-m", "medusa.cli", "run", *options)
        process = await asyncio.create_subprocess_exec(
            *command, env=self._environment(), stderr=asyncio.subprocess.PIPE
        )
        self.processes.append(process)
        return process

    async def said(self, process: asyncio.subprocess.Process, words: str) -> None:
        """Wait until the process has said this, and keep its pipe empty from then on."""
        assert process.stderr is not None
        heard = []
        async with asyncio.timeout(PATIENCE):
            async for line in process.stderr:
                heard.append(line.decode())
                if words in heard[-1]:
                    return
        pytest.fail(f"It never said {words!r}, but:\n{''.join(heard)}")

    def posts(self) -> list[Any]:
        """The messages with a file in Saved Messages."""
        return [message for message in self.telegram.messages() if getattr(message, "media", None)]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.02)

    def settled(self, command: int) -> bool:
        """Whether the command message says how its job ended."""
        return any(m.id == command and m.message[:1] in "✓✗" for m in self.telegram.messages())

    def _environment(self) -> dict[str, str]:
        telegram = self.telegram
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "API_ID": "1",
            "API_HASH": "0" * 32,
            "SESSION_STRING": self.session,
            "MEDUSA_TELEGRAM_DC": f"{telegram.dc_id},{telegram.host},{telegram.port}",
            "MEDUSA_TELEGRAM_KEY": str(telegram.key_file),
            "MEDUSA_DATA": str(self.folder / "sessions"),
            "MEDUSA_WORK": str(self.folder / "work"),
            "MEDUSA_ALLOW": ",".join([f"{self.media.host}:{self.media.port}", *self.allow]),
        }


@asynccontextmanager
async def outside(samples: Samples, folder: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        telegram = await stack.enter_async_context(loopback.serve())
        media = await stack.enter_async_context(serve_media(samples.folder))
        server = Server(telegram.host, telegram.port, telegram.dc_id, telegram.key_file)
        owner = telegram.owner
        session = await session_string(server, owner.phone, owner.code)
        phone = await stack.enter_async_context(open_phone(server, owner.phone, owner.code))
        forks = await stack.enter_async_context(zygote())
        world = World(samples, telegram, media, phone, session, folder, forks)
        try:
            yield world
        finally:
            for process in world.processes:
                if process.returncode is None:
                    process.kill()
                await process.communicate()


@pytest.fixture
async def world(samples: Samples, tmp_path: Path) -> AsyncIterator[World]:
    async with outside(samples, tmp_path) as world:
        yield world


async def kill(process: Process) -> None:
    process.send_signal(signal.SIGKILL)
    await process.communicate()


async def finish(world: World, command: int) -> None:
    """Start again and see the job end well, with one post."""
    await world.start()
    await world.until(lambda: world.settled(command))
    await asyncio.sleep(0.5)
    assert len(world.posts()) == 1
    [told] = [m.message for m in world.telegram.messages() if m.id == command]
    assert told.startswith("✓"), told
    assert not list((world.folder / "work").iterdir())


def posted_hash(world: World) -> str:
    stored = world.telegram.file_of(world.posts()[0])
    assert stored is not None
    return stored.sha256


def hash_of(world: World, sample: str) -> str:
    return hashlib.sha256(world.samples.path(sample).read_bytes()).hexdigest()


async def test_during_fetch_the_download_goes_on_from_its_part(world: World) -> None:
    process = await world.start()
    command = await world.phone.send(0, f"/dl {world.media.link('slow/clip.mp4?rate=200000')}")
    part = world.folder / "work" / "1" / "download.part"
    await world.until(lambda: part.exists() and part.stat().st_size > 300_000)
    await kill(process)
    kept = part.stat().st_size
    assert 0 < kept < world.samples.path("clip.mp4").stat().st_size
    await finish(world, command)


async def test_during_a_stream_only_what_was_under_way_is_sent_again(world: World) -> None:
    """At 2 MB a second little more than one part is under way; what was confirmed is kept, without a commit."""
    size = world.samples.path("archive.bin").stat().st_size
    process = await world.start()
    command = await world.phone.send(0, f"/dl {world.media.link('slow/archive.bin?rate=2000000')}")
    await world.until(lambda: world.telegram.payload > size // 2)
    await kill(process)
    assert not list((world.folder / "work" / "1").glob("download*"))
    await finish(world, command)
    assert posted_hash(world) == hash_of(world, "archive.bin")
    assert world.telegram.payload - size <= 4 * PART_SIZE


async def test_during_upload_the_parts_go_up_again(world: World) -> None:
    delay = world.telegram.faults.delay("upload.saveBigFilePart", 0.3)
    process = await world.start()
    command = await world.phone.send(0, f"/dl {world.media.link('archive.bin')}")
    await world.until(lambda: world.telegram.payload > 3 * PART_SIZE)
    await kill(process)
    delay.stop()
    await finish(world, command)
    assert posted_hash(world) == hash_of(world, "archive.bin")


async def test_with_all_parts_sent_the_source_is_not_needed_any_more(world: World) -> None:
    hang = world.telegram.faults.hang("messages.uploadMedia")
    process = await world.start()
    command = await world.phone.send(0, f"/dl {world.media.link('archive.bin')}")
    await world.until(lambda: hang.hits > 0)
    await kill(process)
    hang.stop()
    digest = hash_of(world, "archive.bin")
    source = world.samples.path("archive.bin")
    away = source.rename(world.folder / "away.bin")
    try:
        await finish(world, command)
    finally:
        away.rename(source)
    assert posted_hash(world) == digest


@pytest.mark.parametrize("method", ["messages.uploadMedia", "messages.sendMedia"])
@pytest.mark.parametrize("executed", [False, True], ids=["before", "after"])
async def test_between_upload_and_post(world: World, method: str, executed: bool) -> None:
    """The call is under way when Medusa dies: not yet executed, or executed with the answer lost."""
    hang = world.telegram.faults.drop(method, executed=True) if executed else world.telegram.faults.hang(method)
    process = await world.start()
    command = await world.phone.send(0, f"/dl {world.media.link('streamable.mp4')}")
    await world.until(lambda: hang.hits > 0)
    await kill(process)
    hang.stop()
    await finish(world, command)


async def test_a_post_whose_answer_was_lost_is_remembered_once(world: World) -> None:
    lost = world.telegram.faults.drop("messages.sendMedia", executed=True)
    process = await world.launch()
    await world.said(process, "Medusa is ready")
    link = world.media.link("notes.pdf")
    command = await world.phone.send(0, f"/dl {link}")
    await world.until(lambda: lost.hits > 0)
    await kill(process)
    await finish(world, command)
    again = await world.phone.send(0, f"/dl {link}")
    await world.until(lambda: world.settled(again))
    listed = await world.phone.send(0, "/history")
    await world.until(lambda: any(m.id == listed and "notes.pdf" in m.message for m in world.telegram.messages()))
    [answer, listing] = [m.message for m in world.telegram.messages() if m.id in (again, listed)]
    assert "Already posted" in answer
    assert listing.count("notes.pdf") == 1
    assert len(world.posts()) == 1


async def test_a_command_written_while_medusa_is_down_is_obeyed_once(world: World) -> None:
    process = await world.start()
    first = await world.phone.send(0, f"/dl {world.media.link('notes.pdf')}")
    await world.until(lambda: world.settled(first))
    await kill(process)
    second = await world.phone.send(0, f"/dl {world.media.link('song.mp3')}")
    await world.start()
    await world.until(lambda: world.settled(second))
    await asyncio.sleep(0.5)
    assert len(world.posts()) == 2


async def test_a_second_process_on_the_same_state_says_so_and_leaves(world: World) -> None:
    await world.start()
    second = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "medusa.cli",
        "run",
        env=world._environment(),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(second.communicate(), PATIENCE)
    assert second.returncode == 2
    assert b"already running" in said
    assert b"Traceback" not in said


async def test_a_signal_ends_it_though_telegram_goes_at_the_same_moment(world: World) -> None:
    process = await world.start()
    world.telegram.faults.refuse_connections()
    world.telegram.faults.drop_connections()
    process.terminate()
    _, said = await asyncio.wait_for(process.communicate(), PATIENCE)
    world.telegram.faults.clear()
    assert process.returncode == 0
    assert b"Traceback" not in said


async def test_a_signal_ends_it_cleanly_and_the_job_goes_on_at_the_next_start(world: World) -> None:
    process = await world.start()
    command = await world.phone.send(0, f"/dl {world.media.link('slow/clip.mp4?rate=400000')}")
    await world.until((world.folder / "work" / "1" / "download.part").exists)
    process.terminate()
    _, said = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0
    assert b"Traceback" not in said
    await finish(world, command)
