"""The demo's samples are made by the real ffmpeg, complete or not at all, and are what they claim to be."""

import os
import subprocess
from pathlib import Path

import pytest

from medusa.demo.samples import SAMPLES, Samples, make_samples
from medusa.errors import Broken
from medusa.tools import find_ffmpeg


@pytest.fixture(scope="module")
def ffmpeg() -> Path:
    found = find_ffmpeg()
    assert found is not None, "these tests need ffmpeg: install it, or the package imageio-ffmpeg"
    return found


def described(ffmpeg: Path, path: Path) -> str:
    return subprocess.run([ffmpeg, "-hide_banner", "-i", path], capture_output=True, text=True, check=False).stderr


def test_every_sample_is_there_and_has_bytes(samples: Samples) -> None:
    for sample in SAMPLES:
        assert samples.path(sample.path).stat().st_size > 100, sample.path


def test_unknown_names_are_refused(samples: Samples) -> None:
    with pytest.raises(KeyError):
        samples.path("../samples.py")


@pytest.mark.parametrize(
    "name", ["clip.mp4", "streamable.mp4", "hls/index.m3u8", "dash/manifest.mpd", "phone.mp4", "film.mkv", "song.mp3"]
)
def test_media_play_for_six_seconds(samples: Samples, ffmpeg: Path, name: str) -> None:
    assert "Duration: 00:00:06.0" in described(ffmpeg, samples.path(name))


def test_the_index_stands_at_the_end_or_at_the_start(samples: Samples) -> None:
    for name, index_first in (("clip.mp4", False), ("streamable.mp4", True)):
        data = samples.path(name).read_bytes()
        assert (data.index(b"moov") < data.index(b"mdat")) is index_first, name


def test_the_phone_video_lies_and_is_shown_upright(samples: Samples, ffmpeg: Path) -> None:
    text = described(ffmpeg, samples.path("phone.mp4"))
    assert "640x360" in text
    assert "rotation of -90.00 degrees" in text


def test_the_song_has_tags_and_a_cover(samples: Samples, ffmpeg: Path) -> None:
    text = described(ffmpeg, samples.path("song.mp3"))
    for expected in ("Bells", "The Sine Waves", "attached pic"):
        assert expected in text


def test_the_encrypted_stream_is_encrypted(samples: Samples) -> None:
    folder = samples.folder / "hls-aes"
    assert 'METHOD=AES-128,URI="key.bin"' in (folder / "index.m3u8").read_text()
    assert len((folder / "key.bin").read_bytes()) == 16
    assert (folder / "part000.ts").read_bytes()[0] != 0x47
    assert (samples.folder / "hls" / "part000.ts").read_bytes()[0] == 0x47


async def test_a_made_set_is_kept(samples: Samples) -> None:
    no_ffmpeg = Path("/nonexistent/ffmpeg")
    assert (await make_samples(samples.folder.parent, no_ffmpeg)).folder == samples.folder


async def test_a_failed_or_killed_making_leaves_no_half_set(tmp_path: Path, ffmpeg: Path) -> None:
    broken = tmp_path / "broken-ffmpeg"
    broken.write_text("#!/bin/sh\necho no such encoder >&2\nexit 1\n")
    broken.chmod(0o755)
    home = tmp_path / "home"
    (home / ".making-killed").mkdir(parents=True)
    os.utime(home / ".making-killed", (0, 0))
    with pytest.raises(Broken, match="no such encoder"):
        await make_samples(home, broken)
    assert [path.name for path in home.iterdir()] == []
