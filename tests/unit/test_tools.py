"""Helper programs are found where they are, and taken only when they are new enough."""

import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest

from medusa.tools import find_ffmpeg, find_javascript


def program(folder: Path, name: str, says: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make one empty folder all that there is of PATH and of our own environment's programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "scripts"))
    return tmp_path


def test_the_ffmpeg_of_the_system_serves_where_none_is_bundled(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa.tools.find_spec", lambda _: None)
    assert find_ffmpeg() is None
    mine = program(path, "ffmpeg", "ffmpeg version 9")
    assert find_ffmpeg() == mine


def test_a_bundled_ffmpeg_goes_first_since_it_is_there_only_where_the_systems_would_not_do(path: Path) -> None:
    mine = program(path, "ffmpeg", "ffmpeg version 3")
    assert (find_ffmpeg() == mine) is (find_spec("imageio_ffmpeg") is None)


@pytest.mark.parametrize(
    ("name", "says", "good"),
    [
        ("deno", "deno 2.3.0 (stable)", True),
        ("deno", "deno 2.2.9 (stable)", False),
        ("node", "v22.1.0", True),
        ("node", "v20.20.2", False),
        ("node", "no version", False),
    ],
)
def test_javascript_runtimes_by_version(path: Path, name: str, says: str, good: bool) -> None:
    file = program(path, name, says)
    assert find_javascript() == (f"{name}:{file}" if good else None)


def test_an_old_deno_gives_way_to_a_good_node(path: Path) -> None:
    program(path, "deno", "deno 1.9.0")
    node = program(path, "node", "v24.0.0")
    assert find_javascript() == f"node:{node}"


def test_nothing_is_found_in_an_empty_place(path: Path) -> None:
    assert find_javascript() is None
