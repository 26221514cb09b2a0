"""Trim, sample and split with the real ffmpeg: which packets and frames stay, where they begin, and what is refused."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from medusa import steps
from medusa.demo.samples import turn_upright
from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.steps.mp4 import read_layout
from medusa.tools import find_ffmpeg
from tests.integration.source_kit import Reports, ffmpeg, make_video, tool_box

FRAME = 1 / 25
_SILENT = ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=6")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of 25 frames, with a key frame each second, in many containers; and what is odd."""
    folder = tmp_path_factory.mktemp("shelf")
    make_video(folder, "film.mp4", "-bf", "2", "-movflags", "+faststart", seconds=6, size="160x90")
    copy = ("-i", "film.mp4", "-c", "copy")
    for ending in ("mkv", "ts", "avi", "mov"):
        ffmpeg(*copy, f"film.{ending}", cwd=folder)
    turn_upright(folder / "film.mov", 90)
    ffmpeg(*copy, "-an", "silent.mp4", cwd=folder)
    ffmpeg(
        *_SILENT, "-c:v", "libx264", "-preset", "ultrafast", "-g", "900", "-sc_threshold", "0", "long.mp4", cwd=folder
    )
    ffmpeg(*_SILENT, "-vf", "scale=161:91", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
           "keyint=25:log-level=none", "-pix_fmt", "yuv444p", "odd.mkv", cwd=folder)  # fmt: skip
    drop = "select='not(mod(n,3))+gt(n,75)'"
    ffmpeg(*_SILENT, "-vf", drop, "-fps_mode", "vfr", "-c:v", "libx264", "-g", "20", "vfr.mp4", cwd=folder)
    ffmpeg(*_SILENT, "-frames:v", "1", "-c:v", "libx264", "one.mp4", cwd=folder)
    ffmpeg(*_SILENT, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "web.webm", cwd=folder)
    sine = ("-f", "lavfi", "-i", "sine=d=20")
    for ending in ("mp3", "flac", "opus", "wav", "m4a", "aac"):
        ffmpeg(*sine, f"song.{ending}", cwd=folder)
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", "cover.jpg", cwd=folder)
    ffmpeg("-i", "song.mp3", "-i", "cover.jpg", "-map", "0", "-map", "1", "-c", "copy", "-disposition:v",
           "attached_pic", "cover.mp3", cwd=folder)  # fmt: skip
    lines = "".join(f"{n + 1}\n00:00:0{n},000 --> 00:00:0{n},900\nline {n}\n\n" for n in range(6))
    (folder / "lines.srt").write_text(lines)
    chapters = "".join(f"[CHAPTER]\nTIMEBASE=1/1\nSTART={n}\nEND={n + 2}\ntitle=chapter {n}\n" for n in (0, 2, 4))
    (folder / "chapters.txt").write_text(f";FFMETADATA1\n{chapters}")
    ffmpeg(*copy[:2], "-i", "lines.srt", "-i", "chapters.txt", "-map", "0", "-map", "1", "-map_metadata", "2", "-c",
           "copy", "-c:s", "mov_text", "book.mp4", cwd=folder)  # fmt: skip
    return folder


async def process(
    source: Path, folder: Path, *, limit: int = 2 * 10**9, as_document: bool = False, wish: str = "", **edits: str
) -> tuple[steps.Files, str]:
    """What the steps make of a copy of a file, and what they said meanwhile."""
    path = folder / f"download{source.suffix}"
    shutil.copy(source, path)
    file, reports = LocalFile(path, source.name, "application/octet-stream"), Reports()
    async with tool_box(upload_limit=limit) as tools:
        order = Order("http://x/", edits={**edits, "split": wish} if wish else edits, as_document=as_document)
        done = await steps.process((file,), order, folder, tools, reports)
    return done, reports.notes


@dataclass(frozen=True, slots=True)
class Packet:
    """When a packet is shown, how long, and what is in it."""

    begin: float
    duration: float
    content: str


def packets(path: Path, stream: str, *options: str) -> list[Packet]:
    """The packets of a stream, or with ``options`` what ffmpeg makes of them."""
    argv = [str(find_ffmpeg()), "-v", "error", "-i", str(path), "-map", f"0:{stream}", *options]
    argv += ["-f", "framehash", "-hash", "md5", "-"]
    text = subprocess.run(argv, check=True, capture_output=True).stdout.decode()
    unit = re.search(r"#tb 0: (\d+)/(\d+)", text)
    if unit is None:
        return []
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    scale = int(unit[1]) / int(unit[2])
    return [Packet(int(row[2]) * scale, int(row[3]) * scale, row[5].strip()) for row in rows]


def told(path: Path) -> str:
    """What ffmpeg says of a file."""
    argv = [str(find_ffmpeg()), "-i", str(path)]
    return subprocess.run(argv, check=False, capture_output=True).stderr.decode()


def contents(path: Path, stream: str) -> list[str]:
    return [packet.content for packet in packets(path, stream, "-c", "copy")]


def frames(path: Path) -> list[str]:
    """The pictures, decoded."""
    return [frame.content for frame in packets(path, "V:0", "-fps_mode", "passthrough")]


def numbers(path: Path, whole: Path) -> list[int]:
    """Which pictures of ``whole`` are in a file, by their numbers."""
    known = {content: number for number, content in enumerate(frames(whole))}
    return [known[content] for content in frames(path)]


def within(part: list[str], whole: list[str]) -> bool:
    """Whether one list stands in the other as it is."""
    return any(whole[start : start + len(part)] == part for start in range(len(whole) - len(part) + 1))


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "avi"])
async def test_a_copy_begins_at_the_key_frame_before_and_ends_at_the_end(
    shelf: Path, tmp_path: Path, ending: str
) -> None:
    source = shelf / f"film.{ending}"
    [done], notes = await process(source, tmp_path, trim="2.5-4.2")
    kept = numbers(done.path, source)
    assert kept == sorted(kept)
    assert kept[0] == 50
    assert 103 <= kept[-1] <= 109  # frames are decoded up to three before they are shown
    sound = contents(done.path, "a:0")
    assert ending == "ts" or within(sound, contents(source, "a:0"))  # MPEG-TS writes a head into each packet
    assert "from the key frame at 2.0 s" in notes
    assert done.media
    assert done.media.streamable


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
async def test_pictures_and_sound_stay_together(shelf: Path, tmp_path: Path, ending: str) -> None:
    """The same packets are as far from each other as before."""
    source = shelf / f"film.{ending}"
    [done], _ = await process(source, tmp_path, trim="2.5-4.2")
    mark = contents(done.path, "a:0")[20]
    gaps = []
    # The key frame is known by its place; containers may write its packet otherwise.
    for path, place in ((source, 50), (done.path, 0)):
        sound = {packet.content: packet.begin for packet in packets(path, "a:0", "-c", "copy")}
        pictures = packets(path, "V:0", "-c", "copy")
        key = min(picture.begin for picture in pictures if picture.content == pictures[place].content)
        gaps.append(sound[mark] - key)
    assert gaps[0] == pytest.approx(gaps[1], abs=0.002)


async def test_several_ranges_are_joined_in_their_order(shelf: Path, tmp_path: Path) -> None:
    [done], _ = await process(shelf / "film.mp4", tmp_path, trim="4.1-5 0.5-1.5 2-3")
    kept = numbers(done.path, shelf / "film.mp4")
    breaks = [place for place in range(1, len(kept)) if abs(kept[place] - kept[place - 1]) > 3]
    assert [kept[0], *(kept[place] for place in breaks)] == [100, 0, 50]
    shown = sorted(packet.begin for packet in packets(done.path, "V:0", "-c", "copy"))
    assert max(later - earlier for earlier, later in pairwise(shown)) < 4 * FRAME
    # Packets stand in the order of decoding: no picture of a range is shown after the first one of the next.
    begins = [packet.begin for packet in packets(done.path, "V:0", "-c", "copy")]
    assert all(max(begins[:place], default=-1.0) < begins[place] for place in (0, *breaks))
    assert done.media
    assert done.media.duration == pytest.approx(1 + 1.5 + 1, abs=0.5)
    assert sorted(path.name for path in tmp_path.iterdir() if "range" in path.name) == []


@pytest.mark.parametrize(("ranges", "kept"), [("2.52-4.2", [(63, 105)]), ("3.4-4 1-1.6", [(85, 100), (25, 40)])])
async def test_exact_ranges_hold_the_very_frames(
    shelf: Path, tmp_path: Path, ranges: str, kept: list[tuple[int, int]]
) -> None:
    [done], notes = await process(shelf / "film.mp4", tmp_path, trim=ranges, exact="")
    assert len(frames(done.path)) == sum(end - start for start, end in kept)
    assert "encoding to H.264" in notes
    assert _differences(done.path, shelf / "film.mp4", kept) < 12
    assert done.media
    assert done.media.duration == pytest.approx(sum(end - start for start, end in kept) * FRAME, abs=FRAME + 0.025)


def _differences(path: Path, whole: Path, kept: list[tuple[int, int]]) -> float:
    """How far the pictures of a file are from those of ``whole`` at their places, in the mean of all pixels."""

    def pixels(file: Path) -> bytes:
        argv = [str(find_ffmpeg()), "-v", "error", "-i", str(file), "-map", "0:V:0", "-fps_mode", "passthrough"]
        argv += ["-vf", "scale=32:18", "-pix_fmt", "gray", "-f", "rawvideo", "-"]
        return subprocess.run(argv, check=True, capture_output=True).stdout

    size = 32 * 18
    wanted = b"".join(pixels(whole)[start * size : end * size] for start, end in kept)
    made = pixels(path)
    assert len(made) == len(wanted)
    return sum(abs(one - other) for one, other in zip(made, wanted, strict=True)) / len(made)


@pytest.mark.parametrize("ending", ["mp3", "opus", "m4a", "aac"])
@pytest.mark.parametrize("ranges", ["3-5.5", "7-9 2-3"])
async def test_sound_alone_is_copied_bit_by_bit(shelf: Path, tmp_path: Path, ending: str, ranges: str) -> None:
    source = shelf / f"song.{ending}"
    [done], _ = await process(source, tmp_path, trim=ranges)
    assert done.name == source.name
    whole, kept = contents(source, "a:0"), contents(done.path, "a:0")
    assert set(kept) <= set(whole)
    if " " not in ranges:
        assert within(kept, whole)
    assert done.media
    assert done.media.duration == pytest.approx(2.5 if " " not in ranges else 3, abs=0.1)


async def test_flac_stays_without_loss_and_knows_its_length(shelf: Path, tmp_path: Path) -> None:
    [done], _ = await process(shelf / "song.flac", tmp_path, trim="3-5.5")
    raw = ("-c:a", "pcm_s16le")
    assert done.media
    assert done.media.duration == pytest.approx(2.5, abs=0.001)
    assert _samples(done.path, *raw) == _samples(shelf / "song.flac", *raw)[3 * 88200 : 3 * 88200 + 5 * 44100]


def _samples(path: Path, *options: str) -> bytes:
    argv = [str(find_ffmpeg()), "-v", "error", "-i", str(path), *options, "-f", "s16le", "-"]
    return subprocess.run(argv, check=True, capture_output=True).stdout


async def test_subtitles_go_along_and_no_chapter_lies_behind_the_end(shelf: Path, tmp_path: Path) -> None:
    [done], _ = await process(shelf / "book.mp4", tmp_path, trim="2-4")
    said = told(done.path)
    assert "Subtitle: mov_text" in said
    assert re.findall(r"title +: (chapter \d)", said) == ["chapter 2"]


async def test_a_sample_is_a_clip_from_the_middle(shelf: Path, tmp_path: Path) -> None:
    [done], _ = await process(shelf / "film.mp4", tmp_path, sample="2", exact="")
    assert len(frames(done.path)) == 50
    assert _differences(done.path, shelf / "film.mp4", [(50, 100)]) < 12


@pytest.mark.parametrize(
    ("name", "ranges", "words"),
    [
        ("film.mp4", "7-8", "is over after 6.0 s"),
        ("one.mp4", "1-2", "is over after"),
        ("film.mp4", "0-1 9-", "is over"),
    ],
)
async def test_ranges_behind_the_end_are_refused(
    shelf: Path, tmp_path: Path, name: str, ranges: str, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        await process(shelf / name, tmp_path, trim=ranges)


@pytest.mark.parametrize("name", ["film.mp4", "silent.mp4", "vfr.mp4", "odd.mkv", "web.webm", "one.mp4", "cover.mp3"])
async def test_a_range_that_ends_too_late_ends_with_the_file(shelf: Path, tmp_path: Path, name: str) -> None:
    [done], _ = await process(shelf / name, tmp_path, trim="0-100")
    assert contents(done.path, "V:0" if name != "cover.mp3" else "a:0")
    assert done.media


@pytest.mark.parametrize("name", ["vfr.mp4", "odd.mkv", "silent.mp4"])
async def test_exact_ranges_of_what_is_odd(shelf: Path, tmp_path: Path, name: str) -> None:
    [done], _ = await process(shelf / name, tmp_path, trim="1.5-3 4-5", exact="")
    assert done.media
    assert done.media.duration == pytest.approx(2.5, abs=0.2)


def whole_again(parts: steps.Files, source: Path, *streams: str) -> None:
    """See that the packets of the parts are those of the source, none lost and none doubled."""
    for stream in streams:
        assert [one for part in parts for one in contents(part.path, stream)] == contents(source, stream)


@pytest.mark.parametrize("ending", ["mp4", "mov"])
@pytest.mark.parametrize("wish", ["3", "90000B", ""])
async def test_parts_of_a_film_play_and_hold_all_of_it(shelf: Path, tmp_path: Path, ending: str, wish: str) -> None:
    source = shelf / f"film.{ending}"
    limit = 10**9 if wish else 100_000
    parts, _ = await process(source, tmp_path, limit=limit, wish=wish)
    assert len(parts) >= 3
    whole_again(parts, source, "V:0", "a:0")
    for number, part in enumerate(parts, start=1):
        assert part.label == f"Part {number} of {len(parts)}"
        assert part.name == f"film (part {number} of {len(parts)}).mp4"
        layout = read_layout(part.path)
        assert layout
        assert layout.streamable
        assert part.media
        assert (part.media.width, part.media.height) == ((90, 160) if ending == "mov" else (160, 90))
        assert part.thumb
        if wish != "3":
            assert part.path.stat().st_size <= 100_000
    lengths = [part.media.duration or 0 for part in parts if part.media]
    assert sum(lengths) == pytest.approx(6, abs=0.1 * len(parts))


@pytest.mark.parametrize("name", ["film.mkv", "film.ts", "film.avi", "odd.mkv", "vfr.mp4", "silent.mp4", "web.webm"])
async def test_what_is_left_in_its_container_is_split_there(shelf: Path, tmp_path: Path, name: str) -> None:
    parts, notes = await process(shelf / name, tmp_path, as_document=True, split="2")
    assert [part.name for part in parts] == [f"{Path(name).stem} (part {n} of 2){Path(name).suffix}" for n in (1, 2)], (
        notes
    )
    assert [one for part in parts for one in frames(part.path)] == frames(shelf / name)


@pytest.mark.parametrize("ending", ["mp3", "opus", "wav", "m4a", "aac", "flac"])
async def test_parts_of_a_song(shelf: Path, tmp_path: Path, ending: str) -> None:
    source = shelf / f"song.{ending}"
    parts, notes = await process(source, tmp_path, split="3")
    assert [part.name for part in parts] == [f"song (part {n} of 3).{ending}" for n in (1, 2, 3)], notes
    whole_again(parts, source, "a:0")
    assert sum((part.media.duration or 0) if part.media else 0 for part in parts) == pytest.approx(20, abs=0.4)


async def test_key_frames_too_far_apart_leave_parts_to_be_joined(shelf: Path, tmp_path: Path) -> None:
    source = shelf / "long.mp4"
    parts, notes = await process(source, tmp_path, split="20000B")
    assert "Between two key frames is more than a part may hold" in notes
    assert [part.name for part in parts] == [f"long.mp4.{n:03d}" for n in range(1, len(parts) + 1)]
    assert all(part.path.stat().st_size <= 20_000 for part in parts)
    assert "cat long.mp4.0* > long.mp4" in parts[0].label


def shell(line: str, folder: Path) -> None:
    subprocess.run(["/bin/sh", "-c", line], cwd=folder, check=True)


async def test_other_files_are_cut_anywhere_and_can_be_joined(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000
    source = tmp_path / "it's; rm -rf $(x) & co.zip"
    source.write_bytes(data)
    (tmp_path / "work").mkdir()
    parts, _ = await process(source, tmp_path / "work", limit=300_000)
    assert b"".join(part.path.read_bytes() for part in parts) == data
    assert [part.path.stat().st_size for part in parts] == [300_000, 300_000, 300_000, 124_000]
    assert [part.name for part in parts] == [f"it_s_rm_-rf_x_co.zip.{n:03d}" for n in range(1, 5)]
    assert [part.label for part in parts[1:]] == [f"Part {n} of 4" for n in (2, 3, 4)]
    for part in parts:
        shutil.copy(part.path, tmp_path / part.name)
    found = re.search(r"(cat \S+ > \S+)", parts[0].label)
    assert found
    shell(found[1], tmp_path)
    assert (tmp_path / "it_s_rm_-rf_x_co.zip").read_bytes() == data


@pytest.mark.parametrize(("limit", "wish"), [(10**9, ""), (10**9, "1000000B")])
async def test_what_fits_is_left_alone(shelf: Path, tmp_path: Path, limit: int, wish: str) -> None:
    [done], _ = await process(shelf / "film.mp4", tmp_path, limit=limit, wish=wish)
    assert (done.label, done.path.read_bytes()) == ("", (shelf / "film.mp4").read_bytes())


async def test_more_parts_than_can_be_counted_are_refused(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at most 99 can be"):
        await process(shelf / "film.mp4", tmp_path, split="1000B")


async def test_a_truncated_film_is_split_anywhere(shelf: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes((shelf / "film.mp4").read_bytes()[:150_000])
    (tmp_path / "work").mkdir()
    parts, notes = await process(cut, tmp_path / "work", limit=100_000)
    assert "cut off" in notes
    assert b"".join(part.path.read_bytes() for part in parts) == cut.read_bytes()
