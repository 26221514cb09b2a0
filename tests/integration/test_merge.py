"""Merging with the real ffmpeg: packets that stay as they are, and files that have to be made alike first."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medusa import steps
from medusa.demo.samples import turn_upright
from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.steps.alike import tracks_of
from medusa.tools import find_ffmpeg
from tests.integration.source_kit import Reports, ffmpeg, make_video, tool_box
from tests.integration.test_steps import run_ffmpeg

ORDER = Order("http://x/", edits={"merge": "on"})
FRAME = 1 / 25
BFRAMES = ("-preset", "veryfast", "-bf", "2")


async def merge(folder: Path, *names: str, order: Order = ORDER) -> tuple[LocalFile, str]:
    """Merge files of a folder, which is their work folder."""
    types = {".png": "image/png"}
    files = tuple(LocalFile(folder / name, name, types.get(name[-4:], "application/octet-stream")) for name in names)
    reports = Reports()
    async with tool_box() as tools:
        [done] = await steps.process(files, order, folder, tools, reports)
    return done, reports.notes


def packets(path: Path, stream: str) -> list[str]:
    out = run_ffmpeg("-v", "error", "-i", str(path), "-map", f"0:{stream}", "-c", "copy", "-f", "framehash", "-").stdout
    return [line.split(",")[5].strip() for line in out.decode().splitlines() if line[0] != "#"]


def told(path: Path) -> str:
    return run_ffmpeg("-hide_banner", "-i", str(path)).stderr.decode()


def errors(path: Path) -> str:
    return run_ffmpeg("-v", "error", "-i", str(path), "-f", "null", "-").stderr.decode()


def chapters(path: Path) -> list[tuple[float, float, str]]:
    found = re.findall(r"Chapter #\S+ start ([\d.]+), end ([\d.]+)\n +Metadata:\n +title +: (.*)", told(path))
    return [(float(start), float(end), title) for start, end, title in found]


def silence(path: Path) -> list[tuple[float, float]]:
    """From when to when nothing is heard."""
    said = run_ffmpeg("-i", str(path), "-af", "silencedetect=n=-50dB:d=0.3", "-f", "null", "-").stderr.decode()
    starts, ends = (re.findall(rf"silence_{edge}: (-?[\d.]+)", said) for edge in ("start", "end"))
    return [(round(float(a), 1), round(float(b), 1)) for a, b in zip(starts, ends, strict=True)]


def colour(path: Path, at: float) -> tuple[int, int, int]:
    """What the middle of the picture looks like at a time."""
    cut = ("-ss", str(at), "-i", str(path), "-frames:v", "1", "-vf", "crop=2:2,scale=1:1")
    pixel = run_ffmpeg(*cut, "-f", "rawvideo", "-pix_fmt", "rgb24", "-").stdout
    return pixel[0], pixel[1], pixel[2]


def plain(folder: Path, name: str, look: str, *options: str, seconds: float = 2, sound: str = "sine=f=440") -> None:
    """A video of one colour; without ``sound`` where that is empty."""
    hearing = ("-f", "lavfi", "-i", f"{sound}:d={seconds}") if sound else ()
    video = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
    ffmpeg("-f", "lavfi", "-i", f"{look}:d={seconds}", *hearing, *video, *options, name, cwd=folder)


@pytest.mark.parametrize("options", [(), BFRAMES], ids=["plain", "B-frames"])
async def test_alike_files_are_copied_packet_by_packet(tmp_path: Path, options: tuple[str, ...]) -> None:
    names = ["one.mp4", "t = wo;#\\.mp4", "it's.mp4"]
    for number, name in enumerate(names):
        make_video(tmp_path, name, *options, "-metadata", f"title=T{number}=\\;#", seconds=2 + number, size="160x90")
    done, notes = await merge(tmp_path, *names)
    assert "encoding" not in notes
    for stream in ("V", "a"):
        assert packets(done.path, stream) == [one for name in names for one in packets(tmp_path / name, stream)]
    assert done.media
    assert done.media.duration == pytest.approx(9, abs=FRAME)
    assert (done.name, done.mime, done.media.streamable) == ("one (merged).mp4", "video/mp4", True)
    marks = [(round(start), round(end), title) for start, end, title in chapters(done.path)]
    assert marks == [(0, 2, "T0=\\;#"), (2, 5, "T1=\\;#"), (5, 9, "T2=\\;#")]
    assert errors(done.path) == ""
    assert all((tmp_path / name).exists() for name in names)


async def test_a_merge_can_be_done_again_and_has_the_name_that_was_wished(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        make_video(tmp_path, name, seconds=1, size="160x90")
    first, _ = await merge(tmp_path, "a.mp4", "b.mp4", order=replace(ORDER, name="Both: parts"))
    again, _ = await merge(tmp_path, "a.mp4", "b.mp4", order=replace(ORDER, name="Both: parts"))
    assert (again.name, again.title, again.path) == (first.name, "Both: parts", first.path)
    assert packets(again.path, "V") == packets(tmp_path / "a.mp4", "V") + packets(tmp_path / "b.mp4", "V")


async def test_fifty_files(tmp_path: Path) -> None:
    make_video(tmp_path, "0.mp4", seconds=1, size="160x90")
    names = [f"{number}.mp4" for number in range(50)]
    for name in names[1:]:
        (tmp_path / name).hardlink_to(tmp_path / "0.mp4")
    done, _ = await merge(tmp_path, *names)
    assert packets(done.path, "V") == packets(tmp_path / "0.mp4", "V") * 50
    assert len(chapters(done.path)) == 50
    assert done.media
    assert done.media.duration == pytest.approx(50, abs=2 * FRAME)


async def test_phone_videos_stay_upright(tmp_path: Path) -> None:
    for name in ("a.mov", "b.mov"):
        make_video(tmp_path, name, seconds=1, size="160x90")
        turn_upright(tmp_path / name, 90)
    done, notes = await merge(tmp_path, "a.mov", "b.mov")
    assert done.media
    assert (done.media.width, done.media.height, done.media.rotation) == (90, 160, 90)
    assert "encoding" not in notes


async def test_songs_are_copied_or_made_alike(tmp_path: Path) -> None:
    for name, rate in (("a.mp3", "44100"), ("b.mp3", "44100"), ("c.mp3", "48000")):
        tags = ("-metadata", f"title=Song {name[0]}", "-metadata", "artist=Her")
        ffmpeg("-f", "lavfi", "-i", "sine=d=2", *tags, "-ar", rate, name, cwd=tmp_path)
    ffmpeg("-f", "lavfi", "-i", "sine=d=2", "-ac", "6", "-ar", "96000", "d.flac", cwd=tmp_path)
    done, notes = await merge(tmp_path, "a.mp3", "b.mp3")
    assert "encoding" not in notes
    assert packets(done.path, "a") == packets(tmp_path / "a.mp3", "a") + packets(tmp_path / "b.mp3", "a")
    assert done.media
    assert (done.name, done.mime, done.media.performer) == ("a (merged).mp3", "audio/mpeg", "Her")
    assert [title for _, _, title in chapters(done.path)] == ["Song a", "Song b"]
    for names, codec in ((("a.mp3", "c.mp3"), "mp3"), (("c.mp3", "d.flac", "a.mp3"), "aac"), (("d.flac",) * 2, "flac")):
        done, notes = await merge(tmp_path, *names)
        assert "encoding anew" in notes
        assert done.media
        assert (done.media.audio_codec, done.media.video_codec) == (codec, None)
        assert done.media.duration == pytest.approx(2 * len(names), abs=0.15)
        assert silence(done.path) == []


async def test_unlike_videos_become_one(tmp_path: Path) -> None:
    """Other sizes, odd ones among them, rates, pixels, codecs and sound, a turned one, one without sound, a VFR one."""
    turned = ("-metadata", "title=Turned")
    plain(tmp_path, "red.mp4", "color=red:s=160x120:r=25", "-ac", "1")
    plain(tmp_path, "green.mkv", "color=lime:s=121x79:r=12", "-ac", "6", "-pix_fmt", "yuv444p", "-ar", "44100")
    plain(tmp_path, "blue.mp4", "color=blue:s=120x90:r=30", *turned, sound="")
    turn_upright(tmp_path / "blue.mp4", 90)
    hevc = ("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le")
    plain(tmp_path, "white.mp4", "color=white:s=80x240:r=25", *hevc)
    vfr = ("-vf", "select='not(mod(n,3))+lt(n,20)'", "-fps_mode", "vfr")
    plain(tmp_path, "vfr.mp4", "color=yellow:s=160x90:r=25", *vfr, seconds=2.05)
    names = ["red.mp4", "green.mkv", "blue.mp4", "white.mp4", "vfr.mp4"]
    done, notes = await merge(tmp_path, *names)
    assert "3 of 5, encoding anew since they differ" in notes
    assert done.media
    assert (done.media.width, done.media.height, done.media.rotation) == (160, 120, 0)
    assert (done.media.video_codec, done.media.audio_codec, done.media.streamable) == ("h264", "aac", True)
    assert done.media.duration == pytest.approx(10.05, abs=0.1)
    looks = [colour(done.path, at) for at in (1, 3, 5, 7, 9)]
    meant = [(254, 0, 0), (0, 255, 0), (0, 0, 254), (255, 255, 255), (255, 255, 0)]
    assert all(
        abs(a - b) < 12 for look, wanted in zip(looks, meant, strict=True) for a, b in zip(look, wanted, strict=True)
    )
    assert silence(done.path) == [(4.0, 6.0)]
    assert len(packets(done.path, "V")) == pytest.approx(30 * 10.05, abs=5)
    assert [title for _, _, title in chapters(done.path)] == ["red", "green", "Turned", "white", "vfr"]
    assert errors(done.path) == ""
    assert not list(tmp_path.glob("merge.part*"))


async def test_sound_and_pictures_stay_together_over_many_parts(tmp_path: Path) -> None:
    """Each part is red and loud in its second half; so is what becomes of ten of them."""
    half = "between(t,1,2)"
    for name, size in (("a.mp4", "160x120"), ("b.mp4", "160x90")):
        ffmpeg(
            *("-f", "lavfi", "-i", f"color=black:s={size}:r=25:d=2", "-f", "lavfi", "-i", "sine=f=440:d=2"),
            *("-vf", f"drawbox=c=red:t=fill:enable='{half}'", "-af", f"volume='if({half},1,0)':eval=frame"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", name),
            cwd=tmp_path,
        )
    done, _ = await merge(tmp_path, *["a.mp4", "b.mp4"] * 5)
    assert silence(done.path) == [(2.0 * at, 2.0 * at + 1) for at in range(10)]
    assert all(colour(done.path, 18.1 + 0.8 * at)[0] < 60 for at in (0, 1))
    assert colour(done.path, 19.1)[0] > 200


async def test_parts_of_an_interrupted_run_are_kept(tmp_path: Path) -> None:
    plain(tmp_path, "a.mp4", "color=red:s=160x120:r=25")
    plain(tmp_path, "b.mp4", "color=blue:s=160x90:r=25")
    plain(tmp_path, "other.mp4", "color=lime:s=160x120:r=25")
    ffmpeg(*("-i", "other.mp4", "-c:v", "copy", "-c:a", "pcm_s16le", "merge.part1.mov"), cwd=tmp_path)
    done, notes = await merge(tmp_path, "a.mp4", "b.mp4")
    assert "1 of 2" not in notes
    assert colour(done.path, 1)[1] > 200


Spoil = Callable[[Path], object]


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("pic.png", lambda path: ffmpeg("-f", "lavfi", "-i", "color=red", "-frames:v", "1", path.name, cwd=path.parent),
         "pic.png is a picture; only videos"),
        ("empty.mp4", lambda path: path.touch(), "empty.mp4 is no video or song that can be read"),
        ("cut.mp4", lambda path: path.write_bytes((path.parent / "good.mp4").read_bytes()[:9000]), "cut.mp4 is no vid"),
        ("song.mp3", lambda path: ffmpeg("-f", "lavfi", "-i", "sine=d=1", path.name, cwd=path.parent),
         "good.mp4 is a video and song.mp3 is sound alone"),
        ("list.mp4", lambda path: path.write_text("ffconcat version 1.0\nfile good.mp4\n"), "list.mp4 is no video"),
    ],
)  # fmt: skip
async def test_what_can_not_be_merged_is_said_in_one_line(tmp_path: Path, name: str, make: Spoil, words: str) -> None:
    make_video(tmp_path, "good.mp4", seconds=1, size="160x90")
    make(tmp_path / name)
    for names in (("good.mp4", name), (name, "good.mp4")):
        with pytest.raises(UserError, match=words) as refused:
            await merge(tmp_path, *names)
        assert "\n" not in refused.value.user_text


async def test_one_file_is_no_merge(tmp_path: Path) -> None:
    make_video(tmp_path, "good.mp4", seconds=1, size="160x90")
    with pytest.raises(UserError, match="takes two files or more"):
        await merge(tmp_path, "good.mp4")


async def test_files_are_compared_by_what_a_decoder_needs(tmp_path: Path) -> None:
    make_video(tmp_path, "a.mp4", seconds=1, size="160x90")
    ffmpeg("-i", "a.mp4", "-c", "copy", "-metadata", "title=x", "same.mp4", cwd=tmp_path)
    ffmpeg("-i", "a.mp4", "-c", "copy", "-an", "mute.mp4", cwd=tmp_path)
    ffmpeg("-i", "a.mp4", "-c", "copy", "-map", "0:a", "-map", "0:v", "swapped.mp4", cwd=tmp_path)
    make_video(tmp_path, "cabac.mp4", "-preset", "veryfast", seconds=1, size="160x90")
    make_video(tmp_path, "rate.mp4", "-ar", "48000", seconds=1, size="160x90")
    program = find_ffmpeg()
    assert program
    first, *others = [
        (await tracks_of(tmp_path / f"{name}.mp4", program, tmp_path)).form
        for name in ("a", "same", "mute", "swapped", "cabac", "rate")
    ]
    assert [one == first for one in others] == [True, False, False, False, False]
