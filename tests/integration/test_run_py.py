"""The first start, with a real pip and real environments, on tiny packages that this test makes itself."""

import ast
import hashlib
import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
RUN = ROOT / "run.py"
# Stands in for setuptools: builds the wheel of a source package, at a pace that the test can set.
BACKEND = """
import os, pathlib, time, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    gate = os.environ.get("GATE")
    if gate:
        pathlib.Path(gate, "reached").touch()
        while not pathlib.Path(gate, "open").exists():
            time.sleep(0.02)
    with zipfile.ZipFile(pathlib.Path(folder, "fromsource-1-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("fromsource.py", "")
        wheel.writestr("fromsource-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: fromsource\\nVersion: 1\\n")
        tags = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr("fromsource-1.dist-info/WHEEL", tags)
        wheel.writestr("fromsource-1.dist-info/RECORD", "")
    return "fromsource-1-py3-none-any.whl"
"""
CLI = """
import importlib.util, json, sys
found = [name for name in ("fromsource", "plain", "fortests", "bundled") if importlib.util.find_spec(name)]
print(json.dumps([sys.argv[1:], found, sys.stdin.read()]))
sys.exit(7)
"""


def wheel(folder: Path, name: str, body: str = "") -> str:
    """Make a wheel and return its line for a lock file."""
    path = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", body)
        archive.writestr(f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        archive.writestr(f"{name}-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{name}-1.dist-info/RECORD", "")
    return pin(name, path)


def source(folder: Path) -> str:
    """Make a package that comes as source only, as one of Telethon's does, and return its line for a lock file."""
    path = folder / "fromsource-1.tar.gz"
    texts = {
        "pyproject.toml": '[build-system]\nrequires = ["backend"]\nbuild-backend = "backend"\n',
        "PKG-INFO": "Metadata-Version: 2.1\nName: fromsource\nVersion: 1\n",
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, text in texts.items():
            entry = tarfile.TarInfo(f"fromsource-1/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return pin("fromsource", path)


def pin(name: str, path: Path) -> str:
    return f"{name}==1 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
    path.chmod(0o755)


class Checkout:
    """A folder with run.py, lock files of tiny packages, and a command line that reports what it was given."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        self.packages = folder / "packages"
        self.bin = folder / "bin"
        self.env = {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "HOME": str(folder),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.packages),
            "PIP_NO_CACHE_DIR": "1",
        }

    def make(self) -> None:
        for path in (self.root / "medusa", self.root / "requirements", self.packages, self.bin):
            path.mkdir(parents=True)
        shutil.copy(RUN, self.root)
        (self.root / "medusa/__init__.py").touch()
        (self.root / "medusa/cli.py").write_text(CLI)
        self.lock("requirements/build.lock", wheel(self.packages, "backend", BACKEND))
        needed = source(self.packages) + wheel(self.packages, "plain")
        self.lock("requirements.lock", needed)
        self.lock("requirements/dev.lock", needed + wheel(self.packages, "fortests"))
        self.lock("requirements/ffmpeg.lock", wheel(self.packages, "bundled"))
        self.lock("requirements/javascript.lock", "runtime==1 --hash=sha256:" + "0" * 64)
        program(self.bin / "ffmpeg", "ffmpeg version 6.1.1\n V....D libx264 \n A....D aac ")
        program(self.bin / "deno", "deno 2.3.1 (stable)")

    def lock(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def begin(self, *arguments: str, **env: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, self.root / "run.py", *arguments],
            cwd=self.packages,
            env=self.env | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        """Start run.py from another folder; returns exit code, stdout and stderr."""
        with self.begin(*arguments, **env) as process:
            out, err = process.communicate("typed", timeout=100)
        return process.returncode, out, err

    def module(self) -> ModuleType:
        """Import this checkout's run.py, to ask what it thinks of the environment."""
        spec = importlib.util.spec_from_file_location("run_under_test", self.root / "run.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


@pytest.fixture
def fresh(tmp_path: Path) -> Checkout:
    checkout = Checkout(tmp_path)
    checkout.make()
    return checkout


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, tuple[int, str, str]]:
    """A checkout that has been started once, and what that start said."""
    checkout = Checkout(tmp_path_factory.mktemp("template"))
    checkout.make()
    return checkout, checkout.start("demo", "--send", "/dl x y")


@pytest.fixture
def installed(first_start: tuple[Checkout, tuple[int, str, str]], tmp_path: Path) -> Checkout:
    """A started checkout of one's own, made to believe that it was always there."""
    template = first_start[0].root.parent
    shutil.copytree(template, tmp_path, symlinks=True, dirs_exist_ok=True)
    checkout = Checkout(tmp_path)
    for path in (checkout.root / ".venv/medusa.json", *(checkout.root / ".venv").rglob("medusa.pth")):
        path.write_text(path.read_text().replace(str(template), str(tmp_path)))
    return checkout


def answer(arguments: list[str], found: list[str]) -> str:
    return json.dumps([arguments, found, "typed"]) + "\n"


def test_the_first_start_installs(first_start: tuple[Checkout, tuple[int, str, str]]) -> None:
    checkout, (code, out, err) = first_start
    assert (code, out) == (7, answer(["demo", "--send", "/dl x y"], ["fromsource", "plain"]))
    assert err.splitlines() == [f"Making an environment in {checkout.root}/.venv …", "Installing 2 packages …"]


def test_the_second_start_only_hands_over(installed: Checkout) -> None:
    shutil.rmtree(installed.packages)
    installed.packages.mkdir()
    before = (installed.root / ".venv/medusa.json").stat()
    assert installed.start("status") == (7, answer(["status"], ["fromsource", "plain"]), "")
    after = (installed.root / ".venv/medusa.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_tests_get_their_packages_on_top(installed: Checkout) -> None:
    code, out, err = installed.start("test", "-k", "x")
    assert (code, out) == (7, answer(["test", "-k", "x"], ["fromsource", "plain", "fortests"]))
    assert err == "Installing 3 packages …\n"
    assert installed.start("test")[2] == installed.start("demo")[2] == ""


def test_the_bundled_ffmpeg_is_for_machines_whose_own_went_away(installed: Checkout) -> None:
    (installed.bin / "ffmpeg").unlink()
    program(installed.bin / "ffmpeg.is-too-old", "ffmpeg version 3.4.2\n V....D libx264 \n A....D aac ")
    stamp = installed.root / ".venv/medusa.json"
    stamp.write_text(stamp.read_text().replace("bin/ffmpeg", "bin/ffmpeg.gone"))
    (installed.bin / "ffmpeg.is-too-old").rename(installed.bin / "ffmpeg")
    code, out, _ = installed.start()
    assert (code, out) == (7, answer([], ["fromsource", "plain", "bundled"]))


def test_a_runtime_that_is_not_on_offer_for_the_platform_is_said_once(installed: Checkout) -> None:
    program(installed.bin / "deno", "deno 2.2.9 (stable)")
    program(installed.bin / "node", "v20.20.2")
    stamp = installed.root / ".venv/medusa.json"
    stamp.write_text(stamp.read_text().replace("bin/deno", "bin/deno.gone"))
    code, out, err = installed.start()
    assert (code, out) == (7, answer([], ["fromsource", "plain"]))
    assert err.splitlines()[-1] == (
        "No JavaScript runtime is on offer for this machine. YouTube needs one: deno 2.3 or node 22, or newer."
    )
    assert installed.start()[2] == ""


def gone_interpreter(checkout: Checkout) -> None:
    (checkout.root / ".venv/bin/python").unlink()
    (checkout.root / ".venv/bin/python").symlink_to("/nowhere/python3")


def killed_while_packages_changed(checkout: Checkout) -> None:
    (checkout.root / ".venv/medusa.json").unlink()


def other_python(checkout: Checkout) -> None:
    stamp = checkout.root / ".venv/medusa.json"
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"python": "cpython-310"}))


def moved_folder(checkout: Checkout) -> None:
    old = checkout.root
    checkout.root = old.with_name("moved")
    old.rename(checkout.root)


def spoilt_stamp(checkout: Checkout) -> None:
    (checkout.root / ".venv/medusa.json").write_text('["half')


DAMAGES = [gone_interpreter, killed_while_packages_changed, other_python, moved_folder, spoilt_stamp]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_environment_is_noticed(installed: Checkout, damage: Callable[[Checkout], None]) -> None:
    assert installed.module().read_stamp()
    damage(installed)
    assert installed.module().read_stamp() == {}


def wait_for(path: Path) -> None:
    for _ in range(3000):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} never came")


@pytest.fixture
def outdated(installed: Checkout) -> Checkout:
    """A started checkout whose lock has changed since, and that has to build a package for it."""
    installed.lock("requirements.lock", (installed.root / "requirements.lock").read_text() + "# renewed\n")
    for part in (installed.root / ".venv").rglob("fromsource*"):
        shutil.rmtree(part) if part.is_dir() else part.unlink()
    return installed


def test_a_start_that_was_killed_in_the_middle_is_made_anew(outdated: Checkout, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.mkdir()
    with outdated.begin(GATE=str(gate)) as process:
        wait_for(gate / "reached")
        process.send_signal(signal.SIGKILL)
        process.communicate()
    (gate / "open").touch()
    code, out, err = outdated.start()
    assert (code, out) == (7, answer([], ["fromsource", "plain"]))
    assert "Making an environment in " in err


def test_of_two_starts_at_once_one_installs_and_both_run(outdated: Checkout, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.mkdir()
    with outdated.begin("one", GATE=str(gate)) as one:
        wait_for(gate / "reached")
        with outdated.begin("two") as two:
            assert two.stderr
            assert two.stderr.readline() == "Another start is installing just now; waiting for it …\n"
            (gate / "open").touch()
            outs = [process.communicate("typed", timeout=100) for process in (one, two)]
    assert [out for out, _ in outs] == [answer([name], ["fromsource", "plain"]) for name in ("one", "two")]
    assert outs[1][1] == ""


def test_without_network_it_says_so_and_keeps_what_there_is(installed: Checkout) -> None:
    closed = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_RETRIES": "1", "PIP_INDEX_URL": "http://127.0.0.1:9/"}
    code, out, err = installed.start("test", **closed)
    assert (code, out) == (1, "")
    assert err.splitlines()[1:] == [
        "The packages can't be fetched: their index is out of reach. Mend the network, then try again."
    ]
    assert installed.start("demo") == (7, answer(["demo"], ["fromsource", "plain"]), "")


def test_a_package_that_differs_from_the_lock_is_not_installed(installed: Checkout) -> None:
    wheel(installed.packages, "fortests", "print('not what was locked')")
    code, out, err = installed.start("test")
    assert (code, out) == (1, "")
    assert err.splitlines()[1].startswith("A package differs from the one in the lock file")
    assert not list((installed.root / ".venv").rglob("fortests.py"))


def test_a_folder_that_can_not_hold_an_environment_is_said(fresh: Checkout) -> None:
    (fresh.root / ".venv").write_text("a file")
    code, out, err = fresh.start()
    assert (code, out) == (1, "")
    assert err.splitlines() == ["Installing failed.", f"Error: [Errno 17] File exists: '{fresh.root}/.venv'"]


def under(checkout: Checkout, before: str) -> tuple[int, str]:
    """Run run.py in a Python that ``before`` has changed; returns exit code and stderr."""
    code = f"import sys, runpy; {before}; sys.argv = ['run.py', 'demo']; runpy.run_path('run.py', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout.root, env=checkout.env, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def test_a_python_that_can_not_make_environments_is_said(fresh: Checkout) -> None:
    code, err = under(fresh, "sys.modules['ensurepip'] = None")
    assert code == 1
    assert f"sudo apt install python3.{sys.version_info[1]}-venv" in err


def test_an_old_python_is_told_what_is_needed(fresh: Checkout) -> None:
    program(fresh.bin / "python3.13", "")
    code, err = under(fresh, "sys.version_info = (3, 8, 18); sys.version = '3.8.18 (main)'")
    assert code == 1
    assert err.startswith("Medusa needs Python 3.11 or newer; this is 3.8.18. ")
    assert err.endswith("type: python3.13 run.py demo\n")


def test_an_old_python_can_read_the_file() -> None:
    ast.parse(RUN.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full."),
        ("[Errno 13] Permission denied: '/opt/medusa/.venv'", "can't be written."),
        ("[Errno 30] Read-only file system: '/medusa/.venv'", "can't be written."),
        ("Retrying … Temporary failure in name resolution", "Mend the network"),
        ("ReadTimeoutError: Read timed out.", "Mend the network"),
        ("building 'x' extension\nerror: command 'gcc' failed", "Installing failed.\nerror: command 'gcc' failed"),
    ],
)
def test_failures_are_explained(fresh: Checkout, said: str, advice: str) -> None:
    assert advice in fresh.module().InstallError(said).text()
