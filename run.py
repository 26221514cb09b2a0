#!/usr/bin/env python3
"""First run: makes ``.venv`` beside this file from the lock files, then hands over to medusa.cli.

Standard library only. Everything is said on stderr, so that stdout stays the command's own. The syntax stays readable
for Python 3.6, which then hears in words what is missing.
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - it is for those who start it with an older one
    names = ("python3.14", "python3.13", "python3.12", "python3.11")
    newer = [name for name in names if shutil.which(name) and not os.system(name + " -c '' 2>/dev/null")]  # noqa: S605
    sys.exit(
        f"Medusa needs Python 3.11 or newer; this is {sys.version.split()[0]}. "
        + (
            f"There is a newer one here, so type: {' '.join([newer[0], *sys.argv])}"
            if newer
            else "Install a newer one, then try again: sudo apt install\npython3 python3-venv (Debian 12, Ubuntu 24.04 "
            "and later), brew install python (macOS), or https://www.python.org/downloads/"
        )
    )
if os.name != "posix":
    sys.exit("Medusa runs on Linux and macOS. On Windows, start it inside WSL or Docker.")

import fcntl
import hashlib
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "medusa.json"
LOCK = VENV / "medusa.lock"

BASE = ["requirements/build.lock", "requirements.lock"]
DEV = "requirements/dev.lock"
FFMPEG = "requirements/ffmpeg.lock"
JAVASCRIPT = "requirements/javascript.lock"
WITHOUT = {
    FFMPEG: "No ffmpeg is on offer for this machine. Videos need one: sudo apt install ffmpeg",
    JAVASCRIPT: "No JavaScript runtime is on offer for this machine. YouTube needs one: deno 2.3 or node 22, or newer.",
}

# What pip or the system says, and what the owner reads. The first that fits counts.
ADVICE = (
    (r"No space left|Disk quota exceeded", "The disk is full. Make 1 GB of room for {root}, then try again."),
    (
        r"Permission denied|Read-only file system|Operation not permitted",
        "{root} can't be written. Copy Medusa into a folder of your own and start it there.",
    ),
    (
        r"DO NOT MATCH THE HASHES",
        "A package differs from the one in the lock file and was not installed. Try another network or mirror.",
    ),
    (
        r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|timed out"
        r"|[Cc]onnection (aborted|refused|reset|broken)|Network is unreachable|name resolution",
        "The packages can't be fetched: their index is out of reach. Mend the network, then try again.",
    ),
)


class InstallError(Exception):
    """Installing failed; ``touched`` says whether packages were already being changed."""

    def __init__(self, output: str, touched: bool = False) -> None:
        super().__init__(output)
        self.touched = touched
        self.advice = next((words.format(root=ROOT) for sign, words in ADVICE if re.search(sign, output)), None)

    def text(self) -> str:
        """Return one or two lines for the owner."""
        lines = str(self).splitlines()
        return self.advice or "\n".join(
            ["Installing failed.", *[line for line in lines if "error" in line.lower()][-1:]]
        )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def show(text: str) -> None:
    """Overwrite the progress line, which only a terminal has."""
    if sys.stderr.isatty():
        print("\r\033[K" + text[:78], end="", file=sys.stderr, flush=True)


def digest(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def identity() -> dict[str, str]:
    """Return what an environment is bound to: the folder, the Python and the machine."""
    return {"root": str(ROOT), "python": str(sys.implementation.cache_tag), "machine": os.uname().machine}


def read_stamp() -> dict[str, str]:
    """Return the environment's identity and what was installed in it, by lock: the lock's digest, or a program's path.

    Empty when the environment is half made, or belongs to another folder, Python or machine.
    """
    try:
        stamp = json.loads(STAMP.read_bytes())
        fits = PYTHON.exists() and stamp.items() >= identity().items()
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return stamp if fits else {}


def write_stamp(stamp: dict[str, str]) -> None:
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps(stamp), encoding="utf-8")
    fresh.replace(STAMP)


def missing(stamp: dict[str, str], locks: list[str]) -> list[str]:
    """Return the locks that are not installed as they read now, and for which no program of the system stands in."""

    def settled(lock: str) -> bool:
        value = stamp.get(lock, "")
        return Path(value).exists() if value.startswith("/") else value == digest(lock)

    return [lock for lock in locks if not settled(lock)]


@contextmanager
def alone() -> Iterator[int]:
    """Wait until no other start is installing; yields the lock's descriptor, which pip inherits.

    So the lock outlives a killed run.py for as long as its pip still writes.
    """
    VENV.mkdir(exist_ok=True)
    with LOCK.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another start is installing just now; waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def make_environment(descriptor: int) -> None:
    """Make an environment from which this checkout can be imported, in place of whatever ``.venv`` held."""
    import importlib.util
    import venv

    name = "python{}.{}".format(*sys.version_info)
    if not importlib.util.find_spec("ensurepip"):
        raise InstallError(f"Error: this Python can't make environments. Type: sudo apt install {name}-venv")
    for path in VENV.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path != LOCK:
            path.unlink()
    venv.EnvBuilder(symlinks=True).create(VENV)
    (VENV / "lib" / name / "site-packages" / "medusa.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    python(["ensurepip", "--default-pip"], descriptor)


def python(arguments: list[str], descriptor: int, total: int = 0) -> None:
    """Run a module in the environment and show its progress; raises InstallError when it fails."""
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    with ExitStack() as stack:
        child = stack.enter_context(
            subprocess.Popen(
                [str(PYTHON), "-I", "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env={**env, "PIP_USER": "0"},
                pass_fds=[descriptor],
            )
        )
        stack.callback(child.terminate)
        output, touched = follow(child.stdout or [], total)
        child.wait()
    if child.returncode:
        raise InstallError(output, touched)


def pip(locks: list[str], descriptor: int) -> None:
    """Install the packages of these lock files, and no byte that they don't name by its hash."""
    arguments = ["pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    # Without isolation a source package is built with the setuptools of build.lock, not with one fetched unchecked.
    arguments += ["--require-hashes", "--no-build-isolation", "--use-pep517"]
    for lock in locks:
        arguments += ["-r", str(ROOT / lock)]
    python(arguments, descriptor, len(pins(locks)))


def pins(locks: list[str]) -> set[str]:
    return {pin for lock in locks for pin in re.findall(r"(?m)^\S+==\S+", (ROOT / lock).read_text(encoding="utf-8"))}


def follow(lines: Iterable[str], total: int) -> tuple[str, bool]:
    """Show pip's progress; returns all it said, and whether it came to change packages."""
    output, seen, touched = [], 0, False
    for line in lines:
        output.append(line)
        if line.startswith("Collecting "):
            seen += 1
            show(f"  {min(seen, total)} of {total}: {line.split()[1]}")
        elif line.startswith("Installing collected packages"):
            touched = True
            show(f"  writing {total} packages …")
    show("")
    return "".join(output), touched


def output_of(*command: str) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout + done.stderr).decode(errors="replace")


def system_ffmpeg() -> str:
    """Return the path of the system's ffmpeg if it is good: version 4 or newer, with H.264 and AAC encoders."""
    path = shutil.which("ffmpeg") or ""
    said = output_of(path, "-encoders") if path else ""
    release = re.search(r"ffmpeg version n?(\d+)\.", said)  # a build from git has none, and is new
    old = release is not None and int(release[1]) < 4
    return path if " libx264 " in said and " aac " in said and not old else ""


def system_javascript() -> str:
    """Return the path of a JavaScript runtime of the system that yt-dlp accepts: deno 2.3 or node 22, or newer."""
    for name, least in (("deno", (2, 3)), ("node", (22, 0))):
        path = shutil.which(name) or ""
        version = re.search(r"(\d+)\.(\d+)\.", output_of(path, "--version")) if path else None
        if version and (int(version[1]), int(version[2])) >= least:
            return path
    return ""


def install(locks: list[str], descriptor: int) -> None:
    """Bring the environment up to these locks; while packages change it has no stamp, so a kill is noticed."""
    stamp = read_stamp()
    if not stamp:
        say(f"Making an environment in {VENV} …")
        make_environment(descriptor)
        stamp = identity()
    STAMP.unlink(missing_ok=True)
    try:
        for group in ([BASE[0]], [lock for lock in locks if lock not in (BASE[0], FFMPEG, JAVASCRIPT)]):
            if missing(stamp, group):
                if group != BASE[:1]:
                    say(f"Installing {len(pins(group))} packages …")
                pip(group, descriptor)
                stamp.update({lock: digest(lock) for lock in group})
        for lock, find in ((FFMPEG, system_ffmpeg), (JAVASCRIPT, system_javascript)):
            if missing(stamp, [lock]):
                stamp[lock] = find() or optional(lock, descriptor)
    except InstallError as failure:
        if not failure.touched:
            write_stamp(stamp)
        raise
    write_stamp(stamp)


def optional(lock: str, descriptor: int) -> str:
    """Install a lock that Medusa can live without: where it can't be had, one line says so. Returns its digest."""
    say(f"Installing what {lock} names, since the system has none that will do …")
    try:
        pip([lock], descriptor)
    except InstallError as failure:
        if failure.advice:
            raise
        say(WITHOUT[lock])
    return digest(lock)


def main(arguments: list[str]) -> None:
    """Install what is missing for these arguments, then become medusa.cli."""
    locks = [*BASE, *([DEV] if arguments[:1] == ["test"] else []), FFMPEG, JAVASCRIPT]
    try:
        if missing(read_stamp(), locks):
            signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
            with alone() as descriptor:
                if missing(read_stamp(), locks):
                    install(locks, descriptor)
    except InstallError as failure:
        sys.exit(failure.text())
    except OSError as error:
        sys.exit(InstallError(f"Error: {error}").text())
    except KeyboardInterrupt:
        sys.exit("\nStopped. The next start goes on.")
    os.execv(PYTHON, [str(PYTHON), "-P", "-m", "medusa.cli", *arguments])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
