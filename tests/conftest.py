"""What many tests stand on: the samples, and the whole of Medusa against its embedded Telegram."""

import asyncio
import fcntl
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from medusa import observe
from medusa.config import Config, load
from medusa.demo.samples import Samples, make_samples
from medusa.demo.stage import Stage, open_stage
from medusa.tools import find_ffmpeg


def pytest_configure() -> None:
    """Have what is compiled kept, also where the environment forbids it: dozens of children would compile it anew."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.fixture(scope="session")
def samples_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the samples of a whole test run, whose processes share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "samples"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
async def samples(samples_folder: Path) -> Samples:
    """The demo's samples, made by ffmpeg when first asked for, by one process while others wait."""
    ffmpeg = find_ffmpeg()
    assert ffmpeg is not None, "The tests need ffmpeg: python3 run.py test installs one where the machine has none."
    with (samples_folder / "lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        return await make_samples(samples_folder, ffmpeg)


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, int], Path]]:
    """Makes a folder a disk of its own, of so many bytes, while the test runs; skips where that is not allowed."""
    mounted: list[Path] = []

    def mount(folder: Path, size: int) -> Path:
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a small disk is needed, and mounting one is not allowed here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in reversed(mounted):
        command = ["umount", "--lazy", str(folder)]
        subprocess.run(command, check=True)


@pytest.fixture
def config() -> Config:
    """A configuration of nothing but defaults, whatever the environment says."""
    return load({}, Path("/nonexistent/.env"))


@pytest.fixture
async def stage(config: Config, tmp_path: Path, samples: Samples, samples_folder: Path) -> AsyncIterator[Stage]:
    """Medusa at work, composed as always, with the embedded Telegram, the media server and the owner's phone."""
    async with open_stage(config, tmp_path / "stage", samples_folder) as stage:
        yield stage


@pytest.fixture(autouse=True)
def _no_secrets_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test had blotted out may be a plain word in another one."""
    monkeypatch.setattr(observe, "_known", observe.Redactor())
