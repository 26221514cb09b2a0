"""A sample of the harnesses for flipped bits and for kills, and what the doctor says."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.config import Config
from medusa.doctor.backups import CHECK as BACKUPS
from medusa.doctor.clock import judged
from medusa.doctor.libraries import LOCK, differing
from medusa.doctor.permissions import open_to_others
from medusa.storage import open_store
from medusa.storage.backups import BackupTable, Record
from tests.flips.state import flip, make

ROOT = Path(__file__).parents[2]


async def test_flipped_bits_are_noticed(tmp_path: Path) -> None:
    await make(tmp_path)
    said = await flip(tmp_path, 60, seed=7)
    assert said["silent"] == 0
    assert said.total() == 60
    assert len(said) > 1


def test_kills_lose_nothing() -> None:
    """In a process of its own, since it forks."""
    command = [sys.executable, "-m", "tests.upkeep", "--kills", "12", "--seed", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 wrong" in done.stdout


def test_libraries_are_held_against_the_lock() -> None:
    assert differing(LOCK.read_text()) == []
    assert differing("telethon==0.1 \\\nno-such-thing==1 ; python_version < '3'\nnor-this==2 \\\n")[1:] == [
        "nor-this missing instead of 2"
    ]


@pytest.mark.parametrize(
    ("off", "well", "words"), [(0, True, "right"), (45, False, "45 s ahead"), (-45, False, "behind")]
)
def test_a_clock_that_is_wrong_is_named(off: float, well: bool, words: str) -> None:
    finding = judged("Fri, 27 Nov 2026 13:00:00 GMT", 1795784400.0 + off)
    assert (finding.well, words in finding.seen) == (well, True)


def test_what_others_may_read_is_named(config: Config, tmp_path: Path) -> None:
    (tmp_path / "medusa.key").touch(mode=0o644)
    tmp_path.chmod(0o700)
    found = open_to_others(replace(config, data=tmp_path, work=tmp_path / "none"))
    assert found == [tmp_path / "medusa.key"]


def test_the_doctor_speaks_json(tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin", "MEDUSA_DATA": str(tmp_path / "d"), "MEDUSA_WORK": str(tmp_path / "w")}
    command = [sys.executable, "-m", "medusa.cli", "doctor", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=100)
    found = {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert {"Medusa", "ffmpeg", "state", "clock", "libraries", "permissions", "Telegram"} <= set(found)
    assert found["API id and hash"]["well"] is False


async def test_the_doctor_misses_backups(tmp_path: Path, config: Config) -> None:
    config = replace(config, data=tmp_path)
    async with open_store(tmp_path) as store:
        table = BackupTable(store)
        await table.key()
    assert (await BACKUPS.look(config)).seen == "there is none that was read back"
    async with open_store(tmp_path) as store:
        table = BackupTable(store)
        await table.put(Record("a", "folder", time.time() - 60, 100, good=True))
    assert "nobody has seen its key" in (await BACKUPS.look(config)).seen
    async with open_store(tmp_path) as store:
        await BackupTable(store).shown()
        assert "the running Medusa" in (await BACKUPS.look(config)).seen
    assert (await BACKUPS.look(config)).well
