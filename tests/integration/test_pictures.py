"""Contact sheets, screenshots, thumbnails and looks into files, with the real ffmpeg and media of many kinds."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from medusa import steps
from medusa.commands.mediainfo import card
from medusa.demo.samples import turn_upright
from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.sources.inspecting import Inspected, inspect
from medusa.steps import sheet
from medusa.steps.image import image_in
from medusa.steps.playing import warning
from medusa.steps.thumb import thumbnail_of
from medusa.tools import find_ffmpeg
from tests.integration.source_kit import (
    Reports,
    ffmpeg,
    file_sha256,
    folder_handler,
    make_video,
    serving,
    tool_box,
)

RED, GREEN, BLUE = (254, 0, 0), (0, 128, 0), (0, 0, 254)
THREE = "color=red:s={0}:r=10:d=2[a];color=green:s={0}:r=10:d=2[b];color=blue:s={0}:r=10:d=2[c];[a][b][c]concat=n=3"
"""Two seconds of each colour."""
FAST = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "10")
HOSTILE = "x {\\an5\\fs300\\p1}%{pts}':,;[0]\\N\x1b\u202e.mp4"


def colours(folder: Path, name: str, *options: str, size: str = "320x180") -> Path:
    """A video that is red, then green, then blue."""
    ffmpeg("-f", "lavfi", "-i", THREE.format(size), *(options or (*FAST, "-pix_fmt", "yuv420p")), name, cwd=folder)
    return folder / name


def pixel(picture: Path, x: int, y: int) -> tuple[int, ...]:
    """The colour at a place of a picture."""
    crop = f"format=rgb24,crop=2:2:{x}:{y}:exact=1"
    return tuple(out_of("-i", str(picture), "-vf", crop, "-f", "rawvideo", "-")[:3])


def out_of(*arguments: str) -> bytes:
    """What ffmpeg writes to its output."""
    argv = [str(find_ffmpeg()), "-v", "error", *arguments]
    return subprocess.run(argv, capture_output=True, check=True).stdout


def near(seen: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(abs(one - other) < 40 for one, other in zip(seen, wanted, strict=True))


async def made(path: Path, edits: dict[str, str], name: str = "", thumb: bytes | None = None) -> tuple[LocalFile, ...]:
    """What the steps make of a file."""

    async def kept() -> bytes | None:
        return thumb

    async with tool_box() as box:
        tools = replace(box, thumb=kept)
        file = LocalFile(path, name or path.name, "video/mp4")
        return await steps.process((file,), Order("http://x/", edits=edits), path.parent, tools, Reports())


async def refusal(path: Path, edits: dict[str, str]) -> str:
    with pytest.raises(UserError) as refused:
        await made(path, edits)
    assert "\n" not in refused.value.user_text
    assert str(path.parent) not in refused.value.user_text
    return refused.value.user_text


def picture_size(path: Path) -> tuple[int, int]:
    image = image_in(path.read_bytes())
    assert image is not None
    assert image.mime == "image/jpeg"
    return image.width, image.height


# ------------------------------------------------------------------------------------------------ contact sheets


def centres(grid: sheet.Grid, count: int) -> list[tuple[int, int]]:
    places = (grid.place(number) for number in range(count))
    return [(left + grid.width // 2, top + grid.height // 3) for left, top in places]


@pytest.mark.parametrize("name", ["colours.mp4", HOSTILE])
async def test_a_sheet_has_the_frames_of_their_times_in_their_places(tmp_path: Path, name: str) -> None:
    before = file_sha256(source := colours(tmp_path, "source.mp4"))
    [picture] = await made(source, {"shots": "3x2"}, name=name)
    grid = sheet.grid_of(3, 2, 320, 180)
    assert (picture.photo, picture.mime, picture.media) == (True, "image/jpeg", None)
    assert picture.name.endswith(" contact sheet.jpg")
    assert picture_size(picture.path) == grid.size
    seen = [pixel(picture.path, *place) for place in centres(grid, 6)]
    assert [near(one, wanted) for one, wanted in zip(seen, [RED, RED, GREEN, GREEN, BLUE, BLUE], strict=True)] == [
        True
    ] * 6
    assert file_sha256(source) == before


async def test_a_sheet_tells_what_it_is_of(tmp_path: Path) -> None:
    """The header has light letters; between the cells is nothing but the background."""
    [picture] = await made(colours(tmp_path, "source.mp4"), {"shots": "2x2"})
    grey = out_of("-i", str(picture.path), "-f", "rawvideo", "-pix_fmt", "gray", "-")
    rows = [grey[start : start + sheet.WIDTH] for start in range(0, len(grey), sheet.WIDTH)]
    light = [sum(one > 150 for one in row) for row in rows]
    assert sum(light[30:80]) > 2000, "the name"
    assert sum(light[95:130]) > 1000, "its size and duration"
    assert sum(light[140:180]) > 1000, "its codecs"
    assert max(light[190:210]) == 0
    grid = sheet.grid_of(2, 2, 320, 180)
    left, top = grid.place(0)
    stamp = [
        row[left + grid.width - 150 : left + grid.width] for row in rows[top + grid.height - 60 : top + grid.height]
    ]
    assert sum(one > 200 for row in stamp for one in row) > 150, "the time"


@pytest.mark.parametrize("size", ["321x181", "640x80", "80x640", "16x16"])
async def test_odd_very_wide_and_very_tall_videos_fit(tmp_path: Path, size: str) -> None:
    source = colours(tmp_path, "source.mkv", *FAST, "-pix_fmt", "yuv444p", size=size)
    [picture] = await made(source, {"shots": "3x1"})
    grid = sheet.grid_of(3, 1, *map(int, size.split("x")))
    assert picture_size(picture.path) == grid.size
    middle = [(x, grid.place(0)[1] + grid.height // 2) for x, _ in centres(grid, 3)]
    assert [
        near(pixel(picture.path, *one), wanted) for one, wanted in zip(middle, [RED, GREEN, BLUE], strict=True)
    ] == [True] * 3


async def test_a_video_that_is_turned_stands_upright(tmp_path: Path) -> None:
    source = colours(tmp_path, "source.mp4")
    turn_upright(source, 180)
    pictures = await made(source, {"shots": "2"})
    assert [picture_size(one.path) for one in pictures] == [(180, 320)] * 2
    [picture] = await made(source, {"shots": "2x1"})
    assert picture_size(picture.path) == sheet.grid_of(2, 1, 180, 320).size


async def test_screenshots_are_single_pictures_in_full_size(tmp_path: Path) -> None:
    pictures = await made(colours(tmp_path, "source.mp4", size="1280x720"), {"shots": "3"})
    assert [picture_size(one.path) for one in pictures] == [(1280, 720)] * 3
    assert [near(pixel(one.path, 600, 300), c) for one, c in zip(pictures, [RED, GREEN, BLUE], strict=True)] == [
        True
    ] * 3
    assert len({one.path for one in pictures}) == len({one.name for one in pictures}) == 3
    assert all(one.photo for one in pictures)


KINDS: dict[str, tuple[str, ...]] = {
    "ten-bit.mkv": (*FAST, "-pix_fmt", "yuv420p10le"),
    "hevc.mkv": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p"),
    "av1.mkv": ("-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-pix_fmt", "yuv420p"),
    "vfr.mkv": (*FAST, "-pix_fmt", "yuv420p", "-vf", "setpts='PTS+if(gt(T,3),0.05*N/TB/N,0)'"),
    "old.avi": ("-c:v", "mpeg4"),
}


@pytest.mark.parametrize("name", KINDS)
async def test_every_codec_has_its_pictures(tmp_path: Path, name: str) -> None:
    source = colours(tmp_path, name, *KINDS[name], size="160x90")
    [picture] = await made(source, {"shots": "3x1"})
    grid = sheet.grid_of(3, 1, 160, 90)
    seen = [pixel(picture.path, *place) for place in centres(grid, 3)]
    assert [near(one, wanted) for one, wanted in zip(seen, [RED, GREEN, BLUE], strict=True)] == [True] * 3


async def test_one_frame_gives_one_picture(tmp_path: Path) -> None:
    source = colours(tmp_path, "one.mp4", *FAST, "-pix_fmt", "yuv420p", "-frames:v", "1")
    [picture] = await made(source, {"shots": "3x3"})
    assert near(pixel(picture.path, sheet.WIDTH // 2, sheet.grid_of(3, 3, 320, 180).place(0)[1] + 40), RED)
    assert len(await made(source, {"shots": "4"})) == 1


async def test_what_is_black_all_over_has_its_sheet(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=black:s=160x90:r=10:d=3", *FAST, "black.mp4", cwd=tmp_path)
    [picture] = await made(tmp_path / "black.mp4", {"shots": "2x2"})
    assert picture_size(picture.path) == sheet.grid_of(2, 2, 160, 90).size


def song(folder: Path, name: str = "song.mp3") -> Path:
    ffmpeg("-f", "lavfi", "-i", "color=red:s=300x500", "-frames:v", "1", "cover.jpg", cwd=folder)
    joined = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    ffmpeg("-f", "lavfi", "-i", "sine=d=3", "-i", "cover.jpg", *joined, name, cwd=folder)
    return folder / name


def cut_off(folder: Path) -> Path:
    path = make_video(folder, "cut.mp4")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    return path


def empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


@pytest.mark.parametrize("edits", [{"shots": "3x3"}, {"shots": "2"}, {"thumb": "1"}])
@pytest.mark.parametrize("make", [song, cut_off, empty])
async def test_what_has_no_pictures_is_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], Path], edits: dict[str, str]
) -> None:
    path = make(tmp_path)
    assert (await refusal(path, edits)).startswith(f"{path.name} is no video, so there ")


# ------------------------------------------------------------------------------------------------ thumbnails


async def test_the_thumbnail_is_a_sharp_frame_not_a_blurred_one(tmp_path: Path) -> None:
    """Sharp for a while around a third of it, and blurred everywhere else, the middle included."""
    blurred = "mandelbrot=s=320x180:r=10,trim=duration=10,gblur=sigma=12:enable='not(between(t,3,4))'"
    ffmpeg("-f", "lavfi", "-i", blurred, *FAST, "-pix_fmt", "yuv420p", "blurred.mp4", cwd=tmp_path)
    [done] = await made(tmp_path / "blurred.mp4", {})
    assert done.thumb is not None
    edges = "format=gray,sobel,signalstats,metadata=mode=print:key=lavfi.signalstats.YAVG:file=-"
    said = out_of("-i", str(done.thumb), "-vf", edges, "-f", "null", "-").decode()
    assert float(said.rpartition("=")[2]) > 15


async def test_files_of_one_job_have_thumbnails_of_their_own(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=red:s=160x90:r=10:d=3", *FAST, "red.mp4", cwd=tmp_path)
    ffmpeg("-f", "lavfi", "-i", "color=blue:s=160x90:r=10:d=3", *FAST, "blue.mp4", cwd=tmp_path)
    files = tuple(LocalFile(tmp_path / name, name, "video/mp4") for name in ("red.mp4", "blue.mp4"))
    async with tool_box() as tools:
        first, second = await steps.process(files, Order("http://x/"), tmp_path, tools, Reports())
    assert first.thumb is not None
    assert second.thumb is not None
    assert near(pixel(first.thumb, 80, 45), RED)
    assert near(pixel(second.thumb, 80, 45), BLUE)


async def test_the_frame_of_a_time_becomes_the_thumbnail_and_nothing_else_changes(tmp_path: Path) -> None:
    source = colours(tmp_path, "source.mp4", *FAST, "-pix_fmt", "yuv420p", "-movflags", "+faststart")
    before = file_sha256(source)
    for seconds, wanted in (("0", RED), ("1.9", RED), ("2", GREEN), ("5.5", BLUE)):
        [done] = await made(source, {"thumb": seconds})
        assert done.thumb is not None
        assert near(pixel(done.thumb, 160, 90), wanted)
        assert file_sha256(done.path) == before
    assert await refusal(source, {"thumb": "6"}) == "source.mp4 is over after 0:06: there is no frame at that time."


async def test_the_picture_of_the_owner_is_the_thumbnail_of_every_post(tmp_path: Path) -> None:
    picture = b"\xff\xd8\xff the owner's"
    (tmp_path / "notes.txt").write_text("plain")
    for path in (colours(tmp_path, "source.mp4"), song(tmp_path), tmp_path / "notes.txt"):
        [done] = await made(path, {}, thumb=picture)
        assert done.thumb is not None
        assert done.thumb.read_bytes() == picture
    [done] = await made(tmp_path / "source.mp4", {"thumb": "1"}, thumb=picture)
    assert done.thumb is not None
    assert near(pixel(done.thumb, 160, 90), RED)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
async def test_a_picture_becomes_a_thumbnail(tmp_path: Path, ending: str) -> None:
    """Noise is what JPEG can pack least."""
    noise = "color=gray:s=1280x960,noise=alls=100:allf=t,format=rgb24"
    encoder = ("-c:v", "libwebp") if ending == "webp" else ()
    ffmpeg("-f", "lavfi", "-i", noise, "-frames:v", "1", *encoder, "-f", "image2", f"noise.{ending}", cwd=tmp_path)
    made_of_it = await thumbnail_of((tmp_path / f"noise.{ending}").read_bytes(), find_ffmpeg(), tmp_path)
    image = image_in(made_of_it)
    assert image is not None
    assert (image.mime, image.width, image.height) == ("image/jpeg", 320, 240)
    assert len(made_of_it) <= 200_000


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a\x01\x00\x01\x00",
        b"#EXTM3U\n/etc/passwd",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x10\x00\x10" + bytes(50),
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x01\x00\x00\x00\x01\x00\x00\x08\x02\x00\x00\x00",
    ],
)
async def test_what_is_no_picture_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UserError, match="no picture that can be a thumbnail"):
        await thumbnail_of(data, find_ffmpeg(), tmp_path)


# ------------------------------------------------------------------------------------------------ warnings


async def test_what_phones_will_not_play_is_said_in_one_line(tmp_path: Path) -> None:
    plain = await made(colours(tmp_path, "plain.mp4"), {})
    assert warning(plain) == ""
    [deep] = await made(colours(tmp_path, "ten-bit.mkv", *KINDS["ten-bit.mkv"]), {})
    [hevc] = await made(colours(tmp_path, "hevc.mkv", *KINDS["hevc.mkv"]), {})
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-c:a", "ac3", "sound.mka", cwd=tmp_path)
    [sound] = await made(tmp_path / "sound.mka", {})
    assert warning([deep]) == (
        "Some phones won't play this at once: 10-bit. Reply /convert phone to it for one that they will."
    )
    assert "HEVC, 10-bit." in warning([hevc, deep])
    assert warning([sound]).endswith("Dolby Digital. Reply /audio mp3 to it for one that they will.")


# ------------------------------------------------------------------------------------------------ looks into files


async def looked(folder: Path, name: str) -> Inspected:
    """What is seen of a file that a web server has."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    async with serving(folder_handler(folder)) as server, tool_box(server) as tools:
        [found] = await inspect(Order(server.url(f"/{name}")), work, tools)
    return found


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of 40 MB, with the index at the end and at the beginning, and a Matroska."""
    folder = tmp_path_factory.mktemp("big")
    noise = ("-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=5", "-f", "lavfi", "-i", "sine=d=5")
    raw = ("-c:v", "rawvideo", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le")
    ffmpeg(*noise, *raw, "late.mov", cwd=folder)
    ffmpeg(*noise, *raw, "-movflags", "+faststart", "early.mov", cwd=folder)
    ffmpeg(*noise, "-c:v", "rawvideo", "-pix_fmt", "yuv420p", "-c:a", "flac", "film.mkv", cwd=folder)
    assert (folder / "late.mov").stat().st_size > 40_000_000
    return folder


@pytest.mark.parametrize("name", ["late.mov", "early.mov", "film.mkv"])
async def test_a_look_takes_little_of_a_file(big: Path, name: str) -> None:
    found = await looked(big, name)
    assert found.look.media is not None
    assert (found.look.media.width, found.look.media.height) == (640, 360)
    assert found.look.media.duration == pytest.approx(5, abs=0.1)
    assert found.size == (big / name).stat().st_size
    [left] = [path for path in (big / "work").iterdir() if path.suffix == Path(name).suffix]
    assert left.stat().st_size == found.size
    assert left.stat().st_blocks * 512 < 12_000_000


async def test_a_server_without_ranges_is_looked_at_as_well(big: Path, tmp_path: Path) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "video/x-matroska"})
        response.content_length = (big / "film.mkv").stat().st_size
        await response.prepare(request)
        with (big / "film.mkv").open("rb") as file:
            while chunk := file.read(1 << 18):
                await response.write(chunk)
        return response

    async with serving(handle) as server, tool_box(server) as tools:
        [found] = await inspect(Order(server.url("/film.mkv")), tmp_path, tools)
    assert found.look.media is not None
    assert found.look.media.audio_codec == "flac"


def plain_card(found: Inspected) -> str:
    return (
        card(found, "/")
        .replace("\u00a0", " ")
        .replace("<b>", "")
        .replace("</b>", "")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
    )


async def test_the_card_of_a_film(tmp_path: Path) -> None:
    (tmp_path / "words.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nhello\n")
    chapters = "".join(f"[CHAPTER]\nTIMEBASE=1/1\nSTART={n}\nEND={n + 1}\n" for n in range(3))
    (tmp_path / "chapters.txt").write_text(f";FFMETADATA1\n{chapters}")
    make_video(tmp_path, "plain.mp4")
    ffmpeg(
        *("-i", "plain.mp4", "-i", "words.srt", "-i", "chapters.txt", "-map", "0", "-map", "0:a", "-map", "1"),
        *("-map_chapters", "2", "-c", "copy", "-c:a:1", "ac3", "-ac:a:1", "2", "-metadata:s:a:0", "language=eng"),
        *("-metadata:s:a:1", "language=deu", "-metadata:s:s:0", "language=por", "-metadata", "title=<b>T</b>"),
        "film.mkv",
        cwd=tmp_path,
    )
    found = await looked(tmp_path, "film.mkv")
    lines = plain_card(found).split("\n")
    assert lines[0] == "film.mkv"
    assert lines[1].startswith("Matroska · 0:03 · ")
    assert "Video  H.264 Constrained Baseline · 320×180 · 25 fps" in lines
    assert "Audio 1  AAC LC · mono · 44.1 kHz · eng" in lines
    assert any(line.startswith("Audio 2  Dolby Digital · stereo · 44.1 kHz") and line.endswith("deu") for line in lines)
    assert "Subtitles  por" in lines
    assert "Chapters  3" in lines
    assert "<b>Title</b>  &lt;b&gt;T&lt;/b&gt;" in card(found, "/")
    assert "✗ Starts only when all of it is loaded, for chats stream no Matroska" in lines
    assert "✓ Plays on every phone" in lines


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (cut_off, "a video that is cut off"),
        (song, "Cover  yes"),
    ],
)
async def test_the_card_of_bad_files(tmp_path: Path, make: Callable[[Path], Path], said: str) -> None:
    path = make(tmp_path)
    assert said in plain_card(await looked(tmp_path, path.name))


async def test_sound_of_a_whole_day_is_told_at_once(tmp_path: Path) -> None:
    """Its index alone has megabytes, and stands at the end."""
    ffmpeg(
        "-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "64", "-c:a", "aac", "-b:a", "8k", "a.m4a", cwd=tmp_path
    )
    ffmpeg("-stream_loop", "1349", "-i", "a.m4a", "-c", "copy", "day.m4a", cwd=tmp_path)
    assert (tmp_path / "day.m4a").stat().st_size > 4_000_000
    assert "MP4 · 24:0" in plain_card(await looked(tmp_path, "day.m4a"))
    assert (await refusal(tmp_path / "day.m4a", {"shots": "3x3"})).startswith("day.m4a is no video")
