"""Sole spawner of child processes: each in its own group, with a bare environment, ended and reaped as a whole."""

import asyncio
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from medusa import launcher
from medusa.cage import CLOSED, Cage, arguments
from medusa.errors import Broken, UserError

MAX_OUT = 16 * 1024 * 1024
"""Bytes of output that `run` keeps unless told otherwise; what follows is read and dropped."""
MAX_ERR = 256 * 1024
"""Bytes that are kept of the end of a child's error text."""
MAX_LINE = 1024 * 1024
GRACE = 5.0
"""Seconds between SIGINT and SIGKILL."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a child ended: ``code`` (negative: killed by that signal), bounded output, the tail of its error text."""

    code: int
    out: bytes
    err: str


class _Tail(asyncio.Protocol):
    """Keeps the last bytes of a pipe."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.closed = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.data += data
        del self.data[:-MAX_ERR]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if not self.closed.done():
            self.closed.set_result(None)


class Child:
    """A child process that lives inside its ``async with`` block, with everything that it starts.

    Leaving the block ends the whole process group: SIGINT, up to 5 seconds of grace, SIGKILL; then it is reaped. A
    cancel that arrives meanwhile shortens the grace and is passed on when the group is gone.
    """

    def __init__(
        self,
        argv: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        max_file: int | None,
        keep: Sequence[int],
        cage: Cage | None,
    ) -> None:
        self._argv = list(argv)
        self._cwd = cwd
        self._env = env
        self._max_file = max_file
        self._keep = keep
        self._cage = cage
        self._transports: list[asyncio.ReadTransport] = []

    async def __aenter__(self) -> Self:
        program = shutil.which(self._argv[0])
        if program is None:
            raise UserError(f"{self.name} is not installed on this machine.")
        await asyncio.to_thread(_end_orphans, self._cwd)
        loop = asyncio.get_running_loop()
        self._exited: asyncio.Future[int] = loop.create_future()
        self._out = asyncio.StreamReader(limit=MAX_LINE)
        self._err = _Tail()
        self._process = self._spawn(program)
        self._watch = os.pidfd_open(self._process.pid)
        loop.add_reader(self._watch, self._reap)
        try:
            await self._listen()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    @property
    def pid(self) -> int:
        """Process id, which is also the id of the group and of the session."""
        return self._process.pid

    @property
    def name(self) -> str:
        """The program in words; of an interpreter, the module that it runs."""
        module = self._argv[self._argv.index("-m") + 1] if "-m" in self._argv[:4] else ""
        return module.replace("_", "-") or Path(self._argv[0]).name

    @property
    def err_tail(self) -> str:
        """The last 256 KB of what the child wrote to its error stream so far."""
        return self._err.data.decode(errors="replace")

    async def lines(self, silence: float | None = None) -> AsyncIterator[str]:
        """Yield the lines of the output, without their ends; lines above 1 MB are dropped.

        Raises Broken when none comes for ``silence`` seconds: then the child hangs.
        """
        while True:
            try:
                async with asyncio.timeout(silence):
                    line = await self._out.readline()
            except ValueError:
                continue
            except TimeoutError as error:
                raise Broken(f"{self.name} hung: it gave no sign of life for {silence:g} seconds.") from error
            if not line:
                return
            yield line.decode(errors="replace").rstrip("\r\n")

    async def read(self, limit: int) -> bytes:
        """Read the output to its end and return its first ``limit`` bytes."""
        kept = bytearray()
        while chunk := await self._out.read(65536):
            kept += chunk[: max(0, limit - len(kept))]
        return bytes(kept)

    async def wait(self) -> int:
        """Wait for the child's own end; return its exit code, or the negative number of the signal that killed it.

        Raises Broken when that was for computing for too long.
        """
        code = await asyncio.shield(self._exited)
        # The last words may still be in the pipe; nobody is left who could write more.
        await asyncio.wait([self._err.closed], timeout=1)
        if code == -signal.SIGXCPU:
            raise Broken(f"{self.name} computed for longer than it may, and was ended.")
        return code

    def _spawn(self, program: str) -> subprocess.Popen[bytes]:
        launch = [sys.executable, "-I", "-S", launcher.__file__]
        launch += arguments(self._cage, program, self._env, self._max_file)
        return subprocess.Popen(
            [*launch, program, *self._argv[1:]],
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._cwd,
            env={**_bare(self._cwd), **self._env},
            start_new_session=True,
            pass_fds=self._keep,
        )

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        out = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(self._out), self._process.stdout)
        self._transports.append(out[0])
        err = await loop.connect_read_pipe(lambda: self._err, self._process.stderr)
        self._transports.append(err[0])

    def _reap(self) -> None:
        """End what the leader left behind, then reap it; before that its group id cannot have a new owner."""
        asyncio.get_running_loop().remove_reader(self._watch)
        os.close(self._watch)
        self._signal(signal.SIGKILL)
        self._exited.set_result(self._process.wait())

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _end(self) -> None:
        cancelled = False
        if not self._exited.done():
            self._signal(signal.SIGINT)
            try:
                await asyncio.wait([self._exited], timeout=GRACE)
            except asyncio.CancelledError:
                cancelled = True
        while not self._exited.done():
            self._signal(signal.SIGKILL)
            try:
                await asyncio.wait([self._exited])
            except asyncio.CancelledError:
                cancelled = True
        self._close()
        if cancelled:
            raise asyncio.CancelledError

    def _close(self) -> None:
        for transport in self._transports:
            transport.close()
        for pipe in (self._process.stdout, self._process.stderr)[len(self._transports) :]:
            if pipe is not None:
                pipe.close()


def child(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    max_file: int | None = None,
    keep: Sequence[int] = (),
    cage: Cage | None = CLOSED,
) -> Child:
    """Make a child for ``async with child(...) as running``; nothing starts before.

    ``cwd`` is its work folder, home and temporary folder, and all that it may write; ``env`` is added to the bare
    environment, and the proxy it names (``http_proxy``) is all of the network that the child may reach; ``max_file``
    is the most bytes that any file it writes may have; ``keep`` names the open files that it inherits, by no means
    more than it needs; ``cage`` is None for a program that is trusted with everything. Entering raises UserError when
    the program does not exist.
    """
    return Child(argv, cwd.absolute(), env or {}, max_file, keep, cage)


async def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    timeout: float | None,
    env: Mapping[str, str] | None = None,
    max_out: int = MAX_OUT,
    max_file: int | None = None,
    keep: Sequence[int] = (),
    cage: Cage | None = CLOSED,
) -> Finished:
    """Run a child to its end; what it may is said as to `child`.

    Raises Broken when it takes longer than ``timeout`` seconds or computes for too long, and UserError when the
    program does not exist.
    """
    started = child(argv, cwd=cwd, env=env, max_file=max_file, keep=keep, cage=cage)
    try:
        async with asyncio.timeout(timeout), started as running:
            out = await running.read(max_out)
            code = await running.wait()
            return Finished(code, out, running.err_tail)
    except TimeoutError as error:
        raise Broken(f"{started.name} did not finish within {timeout:g} seconds.") from error


def version_line(program: str, *, timeout: float = 10) -> str:
    """Return the first line that ``program --version`` prints, or an empty string when it cannot be run; blocks."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            env=_bare(Path("/")),
            check=True,
        )
        return done.stdout.decode(errors="replace").partition("\n")[0].strip()
    return ""


def _bare(home: Path) -> dict[str, str]:
    """Return all that a child may know of our environment: no secret can be in it."""
    path = os.pathsep.join(os.get_exec_path())
    return {"PATH": path, "LANG": "C.UTF-8", "HOME": str(home), "TMPDIR": str(home)}


def _end_orphans(folder: Path) -> None:
    """Kill what a predecessor of ours that was itself killed left at work in this folder.

    The death signal reaches our child alone, not its children: an ffmpeg that yt-dlp started would go on writing into
    files that the resumed job writes, too. They are known by the home that `_bare` gave them, and by a session that is
    neither ours nor that of a child of ours.
    """
    home = _bare(folder)
    mark = f"HOME={home['HOME']}\0TMPDIR={home['TMPDIR']}\0".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError), _open_pid(int(entry.name)) as watch:
            if mark in (entry / "environ").read_bytes() and not _is_ours(entry):
                signal.pidfd_send_signal(watch, signal.SIGKILL)
                select.select([watch], [], [], GRACE)


@contextmanager
def _open_pid(pid: int) -> Iterator[int]:
    """Hold a process by a descriptor (pidfd_open(2)), so that its number cannot come to mean another one."""
    watch = os.pidfd_open(pid)
    try:
        yield watch
    finally:
        os.close(watch)


def _is_ours(entry: Path) -> bool:
    """Say whether a process is of our own session, or stands under a session leader that is our own living child."""
    session = _stat(entry)[3]
    if session == str(os.getsid(0)):
        return True  # we may be somebody's child in this folder ourselves
    return _stat(entry.parent / session)[1] == str(os.getpid()) if (entry.parent / session).exists() else False


def _stat(entry: Path) -> list[str]:
    """Return the fields of /proc/PID/stat after the name: state, parent, group, session, … (proc_pid_stat(5))."""
    return (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
