"""Code that has taken over yt-dlp or ffmpeg reads nothing of Medusa's, writes nowhere else, and reaches nothing."""

import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from medusa import cage, doctor, process
from medusa.cage import Cage
from medusa.config import Config
from medusa.config.values import machine_slots
from medusa.errors import MedusaError
from medusa.model import Order
from medusa.sources import ytdlp
from medusa.steps import ffmpeg as reader
from medusa.tools import Tools, find_javascript
from tests.integration import cage_attempts
from tests.integration.source_kit import Reports, tool_box

ATTEMPTS = Path(cage_attempts.__file__)
HOSTILE = """
import sys
sys.path.insert(0, ".")
from yt_dlp import YoutubeDL
from yt_dlp.extractor.common import InfoExtractor
from attempts import make_attempts
class HostileIE(InfoExtractor):
    _VALID_URL = r"hostile:.*"
    def _real_extract(self, url):
        make_attempts()
        return {"id": "1", "title": "hostile", "url": "http://127.0.0.1/x.mp4"}
with YoutubeDL({"quiet": True}, auto_init=False) as downloader:
    downloader.add_info_extractor(HostileIE())
    downloader.extract_info("hostile:1", download=False)
"""
NOT_EVERYWHERE = {
    *("read the passwords", "read the parent's memory", "trace the parent", "open a raw socket", "open a ring"),
    *("connect by IPv6", "connect by MPTCP", "connect to the internet"),
}
"""What a kernel, a machine without network, or the lack of root may refuse to a free program, too."""
needs_landlock = pytest.mark.skipif(
    cage.landlock_abi() < 6 or not cage.has_filter(),
    reason=f"this kernel has Landlock {cage.landlock_abi()} (6 is needed), system call filter: {cage.has_filter()}",
)


@dataclass(frozen=True)
class Yard:
    """A place with all that a child must not touch: the targets, and listeners that note who comes."""

    folder: Path
    work: Path
    targets: dict[str, Any]
    tcp: socket.socket
    udp: socket.socket
    unix: tuple[socket.socket, ...]

    def visitors(self) -> int:
        """How many connections and packets have come."""
        return sum(1 for one in (self.tcp, self.udp, *self.unix) if _has_visitor(one))

    def prepare(self, proxy: int) -> None:
        (self.work / "targets.json").write_text(json.dumps({**self.targets, "proxy": proxy}))

    def outcome(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.work / "seen.json").read_text())
        return told

    def done(self) -> set[str]:
        seen = self.outcome()["seen"]
        return {name for name, came in seen.items() if came == "done"}


def _has_visitor(listener: socket.socket) -> bool:
    try:
        listener.recv(1) if listener.type == socket.SOCK_DGRAM else listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@contextmanager
def listening(family: int, kind: int, address: Any) -> Iterator[socket.socket]:
    with socket.socket(family, kind) as listener:
        listener.setblocking(False)
        listener.bind(address)
        if kind == socket.SOCK_STREAM:
            listener.listen()
        yield listener


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    places = {name: tmp_path / name for name in ("sessions", "work", "other", "home")}
    for place in places.values():
        place.mkdir()
    state, key = places["sessions"] / "medusa.db", places["sessions"] / "medusa.key"
    state.write_text("state")
    key.write_text("key")
    key.chmod(0o600)
    for name in ("theirs", "doomed", "whole"):
        (places["other"] / name).write_text("x")
    (places["work"] / "link").symlink_to(key)
    (places["work"] / "attempts.py").write_text(ATTEMPTS.read_text())
    targets = {"state": str(state), "key": str(key), "other": str(places["other"]), "home": str(places["home"])}
    targets |= {"unix": str(tmp_path / "s"), "abstract": str(tmp_path), "scratch": f"/tmp/medusa-{os.getpid()}"}
    with ExitStack() as stack:
        tcp = stack.enter_context(listening(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)))
        udp = stack.enter_context(listening(socket.AF_INET, socket.SOCK_DGRAM, tcp.getsockname()))
        unix = [
            stack.enter_context(listening(socket.AF_UNIX, socket.SOCK_STREAM, address))
            for address in (targets["unix"], "\0" + targets["abstract"])
        ]
        port = {"port": tcp.getsockname()[1]}
        yield Yard(tmp_path, places["work"], {**targets, **port}, tcp, udp, tuple(unix))
    Path(targets["scratch"]).unlink(missing_ok=True)
    for left in Path("/dev/shm").glob("medusa-*"):
        left.unlink()


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[Tools]:
    """A tool box whose ffmpeg has been taken over."""
    fake = tmp_path / "programs" / "ffmpeg"
    fake.parent.mkdir()
    fake.write_text(f"#!{sys.executable} -I\n{ATTEMPTS.read_text()}")
    fake.chmod(0o755)
    async with tool_box() as box:
        yield replace(box, ffmpeg=fake)


async def run_hostile_extractor(yard: Yard, tools: Tools, caged: Cage | None) -> None:
    (yard.work / "hostile.py").write_text(HOSTILE)
    with tools.egress.lease() as lease:
        yard.prepare(int(lease.url.rpartition(":")[2]))
        argv = [sys.executable, "-I", "hostile.py"]
        done = await process.run(argv, cwd=yard.work, timeout=60, env={"http_proxy": lease.url}, cage=caged)
    assert done.code == 0, done.err


async def run_hostile_ffmpeg(yard: Yard, tools: Tools) -> None:
    yard.prepare(1)
    assert tools.ffmpeg is not None
    media = yard.work / "video.mp4"
    media.write_bytes(b"x")
    await reader.look(media, tools.ffmpeg, yard.work)


async def test_a_free_child_could_do_all_of_it(yard: Yard, tools: Tools) -> None:
    """Otherwise the tests below would prove nothing."""
    await run_hostile_extractor(yard, tools, None)
    assert yard.outcome()["seen"].keys() - yard.done() <= NOT_EVERYWHERE
    assert yard.visitors() == 4


@needs_landlock
async def test_a_hostile_extractor_reaches_its_folder_and_the_proxy_alone(yard: Yard, tools: Tools) -> None:
    await run_hostile_extractor(yard, tools, tools.cage(cpu=60))
    seen = yard.outcome()["seen"]
    assert yard.done() == {"write", "make folders and move", "reach the proxy", "read own descriptors"}, seen
    assert yard.visitors() == 0


@needs_landlock
async def test_a_hostile_ffmpeg_reaches_its_folder_alone(yard: Yard, tools: Tools) -> None:
    await run_hostile_ffmpeg(yard, tools)
    seen = yard.outcome()["seen"]
    assert yard.done() == {"write", "make folders and move", "read own descriptors"}, seen
    assert yard.visitors() == 0
    assert (yard.folder / "sessions/medusa.key").stat().st_mode & 0o777 == 0o600


FILES = {"read the key", "make a file"}
SOCKETS = {"send by UDP", "connect to a Unix socket"}
LATER = {"connect", "signal the parent"}


@needs_landlock
@pytest.mark.parametrize(
    ("abi", "filtered", "still", "words"),
    [
        (0, False, FILES | SOCKETS | LATER, "read and change whatever Medusa can"),
        (0, True, FILES | LATER, "read and change whatever Medusa can"),
        (1, True, LATER, "reach other TCP ports than its proxy's, and signal other processes"),
        (3, False, SOCKETS | LATER, "send to any address"),
        (5, True, {"signal the parent"}, "could signal other processes"),
    ],
)
async def test_an_older_kernel_holds_what_it_can_and_the_doctor_names_the_rest(
    yard: Yard, tools: Tools, monkeypatch: pytest.MonkeyPatch, abi: int, filtered: bool, still: set[str], words: str
) -> None:
    monkeypatch.setattr(cage, "landlock_abi", lambda: abi)
    monkeypatch.setattr(cage, "has_filter", lambda: filtered)
    await run_hostile_extractor(yard, tools, tools.cage(cpu=60))
    assert yard.done() & (FILES | SOCKETS | LATER) == still
    finding = doctor.children()
    assert words in finding.seen
    assert finding.well is bool(abi and filtered)


async def test_the_doctor_says_what_holds_children_and_that_programs_run_so(tmp_path: Path) -> None:
    key = Path(sys.prefix, "lib", "medusa.key")
    config = Config(data=tmp_path, work=tmp_path, slots=machine_slots(), key_file=key)
    found = {finding.name: finding async for finding in doctor.examine(config)}
    assert found["ffmpeg"].well
    assert found["yt-dlp"].well
    assert not found["secrets"].well
    assert str(key) in found["secrets"].seen
    if not cage.lacking():
        assert "their work folder and the guarded proxy alone" in found["children"].seen


async def test_no_secret_and_no_open_file_comes_along(
    yard: Yard, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDUSA_PASSPHRASE", "correct horse")
    with (yard.folder / "sessions/medusa.key").open() as secret:
        os.set_inheritable(secret.fileno(), True)
        await run_hostile_ffmpeg(yard, tools)
    told = yard.outcome()
    assert told["handles"].keys() == {"0", "1", "2"}
    assert told["environment"].keys() - {"LC_CTYPE"} == {"PATH", "LANG", "HOME", "TMPDIR"}
    assert "correct horse" not in json.dumps(told)


PLUGIN = "from pathlib import Path\nPath({mark!r}).write_text('loaded')\n"


def plant(folder: Path, mark: Path) -> None:
    (folder / "yt_dlp_plugins/extractor").mkdir(parents=True)
    (folder / "yt_dlp_plugins/extractor/evil.py").write_text(PLUGIN.format(mark=str(mark)))


async def test_a_planted_plugin_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever yt-dlp would look: beside it, in its home, in the paths and settings that our environment names."""
    work, elsewhere, mark = tmp_path / "work", tmp_path / "elsewhere", tmp_path / "work/loaded"
    places = [work, work / ".config/yt-dlp/plugins/evil", work / ".yt-dlp/plugins/evil", work / "yt-dlp-plugins/evil"]
    for place in (*places, elsewhere, elsewhere / "yt-dlp/plugins/evil"):
        plant(place, mark)
    settings = f"--plugin-dirs {elsewhere}\n--exec before_dl:touch {mark}\n"
    for place in (work / "yt-dlp.conf", work / ".config/yt-dlp/config", work / ".yt-dlp/config"):
        place.write_text(settings)
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(elsewhere))
    free = [sys.executable, "-m", "yt_dlp", "--verbose", "http://127.0.0.1:9/"]
    environment = {"PYTHONPATH": str(elsewhere)}
    await process.run(free, cwd=work, timeout=60, env=environment, cage=None)
    assert mark.exists(), "the planted plug-in does not work, so this test proves nothing"
    mark.unlink()
    async with tool_box() as tools:
        with pytest.raises(MedusaError):
            await ytdlp.resolve(Order("http://127.0.0.1:9/"), work, tools, Reports())
    assert not mark.exists()


SOLVER = """
import subprocess, sys
from yt_dlp_ejs.yt import solver
code = solver.lib() + ";Object.assign(globalThis, lib);" + solver.core() + ";console.log(typeof jsc)"
subprocess.run(sys.argv[1:], input=code.encode(), check=True, timeout=60)
"""


async def test_a_javascript_runtime_works_in_the_cage(tmp_path: Path) -> None:
    found = find_javascript()
    if found is None:
        pytest.skip("there is no JavaScript runtime here")
    name, _, program = found.partition(":")
    closed = ["run", "--ext=js", "--no-prompt", "--no-remote", "--no-config", "--no-npm", "--cached-only", "-"]
    argv = [sys.executable, "-I", "-c", SOLVER, program, *(closed if name == "deno" else ["-"])]
    async with tool_box() as tools:
        caged = replace(tools, javascript=found).cage(cpu=60)
    done = await process.run(argv, cwd=tmp_path, timeout=100, cage=caged)
    assert (done.code, done.out.strip()) == (0, b"function"), done.err


USER = """
import fcntl, json, os, sys, termios
def tried(what):
    try:
        return str(what())
    except OSError as error:
        return error.strerror
def control():
    handle = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    return fcntl.ioctl(handle, termios.TIOCGWINSZ, bytes(8)) and "done"
found = {
    "control": tried(control),
    "list": tried(lambda: os.listdir("/dev") and "done"),
    "other": tried(lambda: os.open("/dev/tty0", os.O_RDWR)),
    "hardware": tried(lambda: os.listdir("/sys/devices") and "done"),
}
print(json.dumps(found))
"""


@needs_landlock
async def test_a_child_uses_the_devices_of_its_cage_alone(tmp_path: Path) -> None:
    """Stands for the nodes of hardware encoders: opened, listed and told what to do; nothing else of /dev."""
    argv = [sys.executable, "-I", "-S", "-c", USER]
    device = Path("/dev/ptmx")
    given = await process.run(argv, cwd=tmp_path, timeout=20, cage=Cage(devices=(device,)))
    assert json.loads(given.out) == {
        "control": "done",
        "list": "done",
        "other": "Permission denied",
        "hardware": "done",
    }
    closed = await process.run(argv, cwd=tmp_path, timeout=20)
    assert set(json.loads(closed.out).values()) == {"Permission denied"}
