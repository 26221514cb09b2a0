"""What lies around the code fits together: locks, image, pointers and ignored files."""

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
_SPECIAL = ("bench", "build", "dev", "ffmpeg", "galleries", "javascript", "sentry")
LISTS = ["requirements.txt", *(f"requirements/{name}.txt" for name in _SPECIAL)]
# Home folders of developers, and the hosts of package indexes.
FOREIGN = re.compile(r"/[r]oot/\w|/(home|Users)/\w+/|\.py[e]nv|py[p]i\.(org|python)|python[h]osted")


def git(*arguments: str) -> list[str]:
    command = ["git", "-c", "safe.directory=*", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def requirements(text: str) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def pins(lock: Path) -> dict[str, tuple[str, list[str]]]:
    """Return version and hashes of each package of a lock file."""
    entries = re.split(r"(?m)^(?=\S+==)", lock.read_text(encoding="utf-8"))[1:]
    found: dict[str, tuple[str, list[str]]] = {}
    for entry in entries:
        name, version = re.split("==", entry.split()[0])
        found[canonicalize_name(name.split("[")[0])] = version, re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry)
    return found


@pytest.mark.parametrize("name", LISTS)
def test_each_wish_is_met_by_a_pin_with_hashes(name: str) -> None:
    locked = pins((ROOT / name).with_suffix(".lock"))
    wishes = requirements((ROOT / name).read_text(encoding="utf-8"))
    assert wishes
    for wish in wishes:
        version, _ = locked[canonicalize_name(wish.name)]
        assert wish.specifier.contains(version), f"{name} asks for {wish}, the lock has {version}"
    assert [package for package, (_, hashes) in locked.items() if not hashes] == []


def test_the_lock_of_the_tests_holds_the_very_packages_that_are_run() -> None:
    run, dev = pins(ROOT / "requirements.lock"), pins(ROOT / "requirements/dev.lock")
    assert {name: dev.get(name) for name in run} == run


def test_the_image_is_well_made() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_the_image_copies_exists_and_is_sent_to_the_builder() -> None:
    copied = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    sources = {source for line in copied for source in line.split()}
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}
    assert all((ROOT / source).exists() for source in sources)
    assert {re.sub(r"/\w+\.lock$", "/*.lock", source) for source in sources} == sent


@pytest.mark.parametrize("name", [".env", ".env3x2y", ".venv/bin/python", "sessions/medusa.db", "work/7/download.part"])
def test_secrets_state_and_work_are_never_committed(name: str) -> None:
    assert git("check-ignore", "--no-index", name) == [name]


@pytest.mark.parametrize("name", [".env.example", "sessions/.gitkeep", "run.py", "medusa/config/fields.py"])
def test_what_belongs_to_the_project_is_not_ignored(name: str) -> None:
    assert name in git("ls-files", "--cached", "--others", "--exclude-standard")


def test_no_file_speaks_of_a_developers_machine() -> None:
    names = git("ls-files", "--cached", "--others", "--exclude-standard")
    texts = {name: (ROOT / name).read_bytes().decode(errors="replace") for name in names if (ROOT / name).is_file()}
    assert len(texts) > 20
    assert {name: found[0] for name, text in texts.items() if (found := FOREIGN.search(text))} == {}


def test_each_file_that_the_contributor_is_sent_to_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    pointers = set(re.findall(r"[`(]((?:[\w.-]+/)+(?:[\w.-]+\.\w+)?|[\w-]+\.(?:py|md|txt|lock|toml))[`)]", text))
    named = sorted(pointer for pointer in pointers if not re.search("NAME|NNNN", pointer))
    assert len(named) >= 5
    assert [one for one in named if not (ROOT / one).exists() and not (ROOT / "medusa" / one).exists()] == []


def test_continuous_integration_runs_the_readme_command() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    subprocess.run(["/bin/bash", "-n", script], check=True)
    assert "python3 run.py test" in script.read_text(encoding="utf-8")
    assert "python3 run.py test" in (ROOT / "README.md").read_text(encoding="utf-8")
