"""Videos are converted, compressed, cropped, turned and scaled by the real ffmpeg; what is right is taken over."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.demo.samples import turn_upright
from medusa.errors import UserError
from medusa.model import LocalFile, Media, Order, Progress
from medusa.steps import encoders
from medusa.steps.encoders import Encoder, encoder_for, first_of, has_filters, works
from medusa.steps.ffmpeg import look
from medusa.tools import find_ffmpeg
from tests.integration import source_kit
from tests.integration.media_kit import decoded
from tests.integration.source_kit import Reports, ffmpeg, make_video, tool_box

Take = Callable[..., LocalFile]
TINY = ("-preset", "ultrafast", "-g", "25")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of media in many shapes."""
    folder = tmp_path_factory.mktemp("shelf")
    make_video(folder, "clip.mp4", seconds=2)
    clip = ("-i", "clip.mp4")
    ffmpeg(*clip, "-c", "copy", "film.mkv", cwd=folder)
    ffmpeg(*clip, "-c", "copy", "phone.mp4", cwd=folder)
    turn_upright(folder / "phone.mp4", 180)
    ffmpeg(*clip, "-an", "-c", "copy", "silent.mp4", cwd=folder)
    ffmpeg(*clip, "-vn", "-c", "copy", "song.m4a", cwd=folder)
    ffmpeg(
        *clip, "-an", "-c:v", "libx264", *TINY, "-pix_fmt", "yuv420p10le", "-vf", "scale=160:90", "ten.mp4", cwd=folder
    )
    bright = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "-color_range", "tv")
    tagged = "scale=160:90,format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    ffmpeg(*clip, "-an", "-vf", tagged, "-c:v", "libx265", "-preset", "ultrafast", *bright, "hdr.mkv", cwd=folder)
    ffmpeg(
        *clip, "-vf", "scale=160:90", "-c:v", "libx265", "-preset", "ultrafast", "-c:a", "copy", "hevc.mp4", cwd=folder
    )
    ffmpeg(
        *(*clip, "-t", "1", "-vf", "scale=160:90", "-c:v", "libsvtav1", "-preset", "12", "-c:a", "libopus", "av1.mkv"),
        cwd=folder,
    )
    ffmpeg(
        *clip, "-vf", "format=yuv444p,crop=161:91:0:0", "-c:v", "libx264", *TINY, "-c:a", "copy", "odd.mp4", cwd=folder
    )
    ffmpeg(*clip, "-vf", "select='lt(mod(n,10),4)'", *("-fps_mode", "vfr") if _is_new() else ("-vsync", "vfr"),
           "-c:v", "libx264", *TINY, "-c:a", "copy", "vfr.mkv", cwd=folder)  # fmt: skip
    surround = "sine=d=2,pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0"
    ffmpeg(
        *clip,
        "-f",
        "lavfi",
        "-i",
        surround,
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-c:v",
        "copy",
        "-c:a",
        "ac3",
        "six.mkv",
        cwd=folder,
    )
    ffmpeg(*clip, "-c", "copy", "-aspect", "4:3", "wide.mkv", cwd=folder)
    ffmpeg("-f", "lavfi", "-i", "color=red:s=160x160", "-frames:v", "1", "cover.jpg", cwd=folder)
    attached = ("-map", "0:a", "-map", "1", "-c:v", "copy", "-c:a", "libmp3lame", "-disposition:v", "attached_pic")
    ffmpeg(*clip, "-i", "cover.jpg", *attached, "covered.mp3", cwd=folder)
    ffmpeg(*clip, "-t", "1", "-vf", "scale=160:90", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8",
           "-c:a", "libvorbis", "web.webm", cwd=folder)  # fmt: skip
    return folder


def _is_new() -> bool:
    """Whether ffmpeg knows -fps_mode, which took the place of -vsync."""
    done = subprocess.run([str(find_ffmpeg()), "-version"], capture_output=True, text=True, check=True)
    return int(re.findall(r"ffmpeg version n?(\d+)", done.stdout)[0]) > 5


@pytest.fixture
def take(shelf: Path, tmp_path: Path) -> Take:
    """Put a copy of a file from the shelf into the work folder."""

    def copy(name: str) -> LocalFile:
        path = tmp_path / f"download{Path(name).suffix}"
        shutil.copy(shelf / name, path)
        return LocalFile(path, name, "application/octet-stream")

    return copy


async def made(file: LocalFile, reports: Reports | None = None, **edits: str) -> LocalFile:
    async with tool_box() as tools:
        order = Order("http://x/", edits=edits)
        return await source_kit.process(file, order, file.path.parent, tools, reports or Reports())


async def media_of(file: LocalFile) -> Media:
    """What is really in a file, whatever the steps say."""
    program = find_ffmpeg()
    assert program
    seen = await look(file.path, program, file.path.parent)
    assert seen.media
    return seen.media


def packets(path: Path, track: str = "V") -> list[str]:
    """The hashes of the packets as they are."""
    command = [
        str(find_ffmpeg()),
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        f"0:{track}",
        "-c",
        "copy",
        "-f",
        "framehash",
        "-",
    ]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.split(",")[5].strip() for line in lines if not line.startswith("#")]


def frame(path: Path, *filters: str, size: str = "16:9") -> bytes:
    """The first picture of a file as it is shown, small and gray."""
    chain = ",".join([*filters, f"scale={size}:flags=area"])
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(path), "-frames:v", "1", "-vf", chain, "-pix_fmt", "gray"]
    return subprocess.run([*command, "-f", "rawvideo", "-"], check=True, capture_output=True).stdout


def alike(one: bytes, other: bytes) -> bool:
    """Whether two small pictures differ by no more than encoding does."""
    assert len(one) == len(other) > 0
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one) < 6


@pytest.mark.parametrize("recipe", ["phone", "720", "480", "mp4"])
async def test_what_satisfies_the_recipe_is_taken_over(take: Take, recipe: str) -> None:
    file = take("film.mkv")
    done = await made(file, convert=recipe)
    assert (done.name, done.mime) == ("film.mp4", "video/mp4")
    assert done.media
    assert done.media.streamable
    assert packets(done.path, "a") == packets(file.path, "a")
    assert len(packets(done.path)) == 50
    assert "encoding" not in done.path.name


@pytest.mark.parametrize(
    "name", ["ten.mp4", "hevc.mp4", "av1.mkv", "odd.mp4", "web.webm", "hdr.mkv", "six.mkv", "vfr.mkv"]
)
async def test_for_a_phone_anything_becomes_what_every_phone_plays(take: Take, name: str) -> None:
    file = take(name)
    before = await media_of(file)
    done = await made(file, convert="phone")
    seen = await media_of(done)
    assert (seen.video_codec, seen.pixels, seen.hdr, seen.streamable) == ("h264", "yuv420p", "", True)
    assert seen.audio_codec in (None, "aac")
    assert seen.channels in (None, "mono", "stereo")
    assert seen.width and seen.height and before.width and before.height
    assert (seen.width, seen.height) == (before.width // 2 * 2, before.height // 2 * 2)
    assert seen.duration == pytest.approx(before.duration, abs=0.1)
    assert len(packets(done.path)) == len(packets(file.path))


async def test_a_bright_picture_keeps_its_tones(take: Take) -> None:
    """What was meant for bright displays would come out dull and flat by plain conversion."""
    file = take("hdr.mkv")
    program = find_ffmpeg()
    assert program
    assert await has_filters(("zscale", "tonemap"), program, file.path.parent)
    reports = Reports()
    done = await made(file, reports, convert="phone")
    assert not alike(frame(done.path), frame(file.path))
    assert "pale" not in reports.notes


async def test_without_the_filters_for_it_colours_are_pale_and_it_says_so(take: Take, tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(POOR.format(python=sys.executable, ffmpeg=str(find_ffmpeg())))
    program.chmod(0o755)
    file, reports = take("hdr.mkv"), Reports()
    async with tool_box() as tools:
        order = Order("http://x/", edits={"convert": "phone"})
        done = await source_kit.process(file, order, tmp_path, replace(tools, ffmpeg=program), reports)
    assert "with pale colours: this ffmpeg lacks zscale and tonemap" in reports.notes
    assert (await media_of(done)).pixels == "yuv420p"


async def test_only_what_mp4_cannot_hold_is_encoded(take: Take, tmp_path: Path) -> None:
    ffmpeg("-i", str(take("film.mkv").path), "-c:v", "copy", "-c:a", "libvorbis", "mixed.mkv", cwd=tmp_path)
    file = LocalFile(tmp_path / "mixed.mkv", "mixed.mkv", "video/x-matroska")
    done = await made(file, convert="mp4")
    seen = await media_of(done)
    assert (seen.video_codec, seen.audio_codec) == ("h264", "aac")
    assert len(packets(done.path)) == len(packets(file.path)) == 50


async def test_hevc_bears_the_tag_that_apple_wants(take: Take) -> None:
    done = await made(take("silent.mp4"), convert="hevc", scale="90")
    seen = await media_of(done)
    assert (seen.video_codec, seen.height) == ("hevc", 90)
    assert b"hvc1" in done.path.read_bytes()


async def test_small_is_smaller_and_never_larger_in_lines(take: Take) -> None:
    file = take("clip.mp4")
    done = await made(file, convert="small")
    assert done.path.stat().st_size < file.path.stat().st_size
    assert (await media_of(done)).height == 180


async def test_a_recipe_of_the_owner(take: Take) -> None:
    done = await made(take("clip.mp4"), convert="-c:v libx265 -crf 35 -preset ultrafast -vf scale=-2:90,fps=5 -f mkv")
    seen = await media_of(done)
    assert (seen.video_codec, seen.width, seen.height, done.name) == ("hevc", 160, 90, "clip.mkv")
    assert len(packets(done.path)) == 10
    assert seen.audio_codec == "aac"


@pytest.mark.parametrize(("name", "recipe"), [("song.m4a", "720"), ("covered.mp3", "phone"), ("song.m4a", "-c:v h264")])
async def test_sound_alone_is_no_video(take: Take, name: str, recipe: str) -> None:
    with pytest.raises(UserError, match="has no pictures to convert; for sound there is the command audio"):
        await made(take(name), convert=recipe)


async def test_another_container_holds_the_same_packets(take: Take) -> None:
    file = take("clip.mp4")
    done = await made(file, remux="mkv")
    assert (done.name, done.mime) == ("clip.mkv", "video/x-matroska")
    assert packets(done.path) == packets(file.path)
    assert packets(done.path, "a") == packets(file.path, "a")
    with pytest.raises(UserError, match=r"MP4 cannot hold vp8 and vorbis as they are in web.webm"):
        await made(take("web.webm"), remux="mp4")


@pytest.mark.parametrize(
    ("wish", "size"),
    [("90", (160, 90)), ("720", (320, 180)), ("100x100", (100, 56)), ("640x90", (160, 90)), ("91", (162, 92))],
)
async def test_pictures_are_scaled_within_and_never_enlarged(take: Take, wish: str, size: tuple[int, int]) -> None:
    seen = await media_of(await made(take("clip.mp4"), scale=wish))
    assert (seen.width, seen.height) == size


async def test_pictures_are_enlarged_when_asked(take: Take) -> None:
    seen = await media_of(await made(take("odd.mp4"), scale="200", enlarge="on"))
    assert (seen.width, seen.height) == (354, 200)


async def test_pixels_that_are_not_square_are_cropped_and_scaled_as_they_are_shown(take: Take) -> None:
    file = take("wide.mkv")
    before = await media_of(file)
    assert (before.width, before.height) == (240, 180)
    seen = await media_of(await made(file, crop="120:180", scale="90"))
    assert (seen.width, seen.height) == (60, 90)


@pytest.mark.parametrize(
    ("wish", "filters", "size"),
    [
        ("9:16", "crop=100:180", (100, 180)),
        ("1:1", "crop=180:180", (180, 180)),
        ("16:9", "null", (320, 180)),
        ("160:90:20:30", "crop=160:90:20:30", (160, 90)),
        ("161:91", "crop=160:90:80:45", (160, 90)),
    ],
)
async def test_pictures_are_cropped(take: Take, wish: str, filters: str, size: tuple[int, int]) -> None:
    file = take("clip.mp4")
    done = await made(file, crop=wish)
    seen = await media_of(done)
    assert (seen.width, seen.height) == size
    assert alike(frame(done.path), frame(file.path, filters))


async def test_no_more_can_be_kept_than_there_is(take: Take) -> None:
    for wish in ("640:360", "160:90:200:0"):
        with pytest.raises(UserError, match=r"clip.mp4 shows 320×180 pixels, of which that can't be kept"):
            await made(take("clip.mp4"), crop=wish)


@pytest.mark.parametrize("name", ["clip.mp4", "phone.mp4", "film.mkv"])
@pytest.mark.parametrize(
    ("wish", "turned"), [("90", "transpose=clock"), ("180", "hflip,vflip"), ("270", "transpose=cclock")]
)
async def test_turning_touches_no_packet(take: Take, name: str, wish: str, turned: str) -> None:
    file = take(name)
    before = await media_of(file)
    done = await made(file, rotate=wish)
    seen = await media_of(done)
    assert packets(done.path) == packets(file.path) or name.endswith("mkv")
    assert len(packets(done.path)) == 50
    assert seen.rotation == (before.rotation + int(wish)) % 360
    size = (before.width, before.height)
    assert (seen.width, seen.height) == (size if wish == "180" else size[::-1])
    assert alike(frame(done.path, size="9:9"), frame(file.path, turned, size="9:9"))
    assert seen.streamable


async def test_turned_and_scaled_in_one_go(take: Take) -> None:
    file = take("phone.mp4")
    done = await made(file, rotate="90", scale="90")
    seen = await media_of(done)
    assert (seen.width, seen.height, seen.rotation) == (160, 90, 0)
    assert alike(frame(done.path), frame(file.path, "transpose=clock"))


@pytest.mark.parametrize(("wish", "filters"), [("mirror", "hflip"), ("flip", "vflip")])
async def test_pictures_are_mirrored(take: Take, wish: str, filters: str) -> None:
    file = take("clip.mp4")
    done = await made(file, rotate=wish)
    assert alike(frame(done.path), frame(file.path, filters))


async def test_in_matroska_pictures_are_turned_by_encoding(take: Take) -> None:
    file = take("clip.mp4")
    done = await made(file, rotate="90", remux="mkv")
    assert done.name == "clip.mkv"
    assert alike(frame(done.path, size="9:16"), frame(file.path, "transpose=clock", size="9:16"))


@pytest.mark.parametrize("target", [60_000, 100_000])
@pytest.mark.parametrize("name", ["clip.mp4", "silent.mp4"])
async def test_no_byte_more_than_asked(take: Take, name: str, target: int) -> None:
    file = take(name)
    assert file.path.stat().st_size > target
    done = await made(file, compress=str(target))
    assert target * 0.5 < done.path.stat().st_size <= target
    if name == "clip.mp4":
        frames, sound = decoded(done.path)
        assert frames == 50
        assert sound == pytest.approx(2, abs=0.1)


async def test_a_share_of_a_song(take: Take) -> None:
    file = take("song.m4a")
    done = await made(file, compress="60%")
    assert done.path.stat().st_size <= file.path.stat().st_size * 0.6
    assert (await media_of(done)).duration == pytest.approx(2, abs=0.1)


async def test_pictures_become_smaller_where_the_rate_would_be_too_poor(take: Take, tmp_path: Path) -> None:
    make_video(tmp_path, "large.mp4", seconds=2, size="1280x720")
    done = await made(LocalFile(tmp_path / "large.mp4", "large.mp4", ""), compress="100000")
    seen = await media_of(done)
    assert (seen.width, seen.height) == (640, 360)
    assert done.path.stat().st_size <= 100_000


async def test_what_is_small_enough_is_taken_over(take: Take) -> None:
    file = take("clip.mp4")
    done = await made(file, compress="9000000")
    assert packets(done.path) == packets(file.path)


async def test_the_least_that_makes_sense_is_named_and_can_be_had(take: Take) -> None:
    file = take("clip.mp4")
    with pytest.raises(UserError, match=r"can't become as small as 1.0 kB: ([\d.]+) kB is the least") as refused:
        await made(file, compress="1000")
    found = re.search(r": ([\d.]+) kB is", refused.value.user_text)
    assert found
    least = round(float(found[1]) * 1000) + 100
    done = await made(file, compress=str(least))
    assert done.path.stat().st_size <= least


async def test_a_gif_is_silent_and_short(take: Take, tmp_path: Path) -> None:
    done = await made(take("clip.mp4"), gif="on")
    seen = await media_of(done)
    assert (done.shape, seen.audio_codec, seen.video_codec) == ("animation", None, "h264")
    ffmpeg("-stream_loop", "40", "-i", str(done.path), "-c", "copy", "long.mp4", cwd=tmp_path)
    done = await made(LocalFile(tmp_path / "long.mp4", "long.mp4", ""), gif="on")
    assert (await media_of(done)).duration == pytest.approx(60, abs=1.1)


@pytest.mark.parametrize(("name", "side"), [("clip.mp4", 180), ("phone.mp4", 180), ("odd.mp4", 90)])
async def test_a_round_video_is_square(take: Take, name: str, side: int) -> None:
    file = take(name)
    done = await made(file, round="on")
    seen = await media_of(done)
    assert (done.shape, seen.width, seen.height, seen.rotation) == ("round", side, side, 0)
    assert alike(frame(done.path, size="9:9"), frame(file.path, f"crop={side}:{side}", size="9:9"))


@pytest.mark.parametrize(
    "edits",
    [{"gif": "on"}, {"round": "on"}, {"scale": "90"}, {"crop": "1:1"}, {"rotate": "90"}],
    ids=min,
)
async def test_a_picture_of_a_song_is_no_video(take: Take, edits: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"covered.mp3 has no pictures"):
        await made(take("covered.mp3"), None, **edits)


@pytest.mark.parametrize("data", [b"", b"hello\n" * 100, b"\0" * 5000])
async def test_what_is_no_media_is_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"x.mp4 is no video"):
        await made(LocalFile(path, "x.mp4", "video/mp4"), convert="phone")


async def test_what_was_cut_off_is_converted_as_far_as_it_goes(take: Take) -> None:
    file = take("film.mkv")
    with file.path.open("r+b") as cut:
        cut.truncate(file.path.stat().st_size * 2 // 3)
    done = await made(file, convert="480", scale="90")
    frames, _ = decoded(done.path)
    assert 20 < frames < 50


async def test_everything_at_once_is_one_run(take: Take) -> None:
    file = take("clip.mp4")
    wishes: Mapping[str, str] = {"trim": "1-2", "crop": "1:1", "rotate": "90", "scale": "100", "convert": "hevc"}
    reports = Reports()
    done = await made(file, reports, **wishes)
    seen = await media_of(done)
    assert (seen.video_codec, seen.width, seen.height) == ("hevc", 100, 100)
    assert seen.duration == pytest.approx(1, abs=0.1)
    totals = {progress.total for progress in reports.seen if progress.playing}
    assert totals == {1000}


async def test_the_note_says_what_is_encoded_with_what(take: Take) -> None:
    reports = Reports()
    await made(take("clip.mp4"), reports, scale="90")
    encoding = [progress for progress in reports.seen if progress.playing]
    assert encoding[0] == Progress(0, 2000, "encoding to H.264 with libx264", playing=True)
    assert encoding[-1].done > 1800
    reports = Reports()
    await made(take("clip.mp4"), reports, remux="mkv")
    assert "encoding" not in reports.notes


POOR = """#!{python}
import os, sys
if "-filters" in sys.argv:
    sys.exit(0)
os.execv({ffmpeg!r}, [{ffmpeg!r}, *sys.argv[1:]])
"""
FAKE = """#!{python}
import os, sys
if "h264_v4l2m2m" in sys.argv:
    sys.exit("this encoder is broken")
os.execv({ffmpeg!r}, [{ffmpeg!r}, *sys.argv[1:]])
"""


async def test_hardware_that_fails_its_trial_is_passed_over(tmp_path: Path) -> None:
    """There is none here: the trial is a real one, and really fails."""
    program = find_ffmpeg()
    assert program
    hardware = Encoder("h264_v4l2m2m", nodes="null", devices=(Path("/dev/null"),))
    assert not await works(hardware, program, tmp_path)
    software = Encoder("libx264")
    assert await works(software, program, tmp_path)
    assert await first_of((hardware, software), program, tmp_path) == software
    assert await first_of((Encoder("nosuchencoder"),), program, tmp_path) is None


async def test_settings_that_only_software_knows_choose_software(tmp_path: Path) -> None:
    program = find_ffmpeg()
    assert program
    assert (await encoder_for("h264", program, tmp_path, ("-crf", "30"))).name == "libx264"
    with pytest.raises(UserError, match="This machine's ffmpeg cannot encode nosuchcodec"):
        await encoder_for("nosuchcodec", program, tmp_path)


async def test_hardware_that_fails_at_work_gives_way_to_software(
    take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its trial went well, as the memory of choices says, and then it breaks."""
    program = tmp_path / "ffmpeg"
    program.write_text(FAKE.format(python=sys.executable, ffmpeg=str(find_ffmpeg())))
    program.chmod(0o755)
    choices = encoders._CHOICES["h264"]
    hardware = replace(choices[0], devices=(Path("/dev/null"),))
    monkeypatch.setattr(encoders, "_chosen", {(program, choices): hardware})
    monkeypatch.setattr(encoders, "_failed", set())
    reports = Reports()
    file = take("clip.mp4")
    async with tool_box() as tools:
        using = replace(tools, ffmpeg=program)
        order = Order("http://x/", edits={"scale": "90"})
        done = await source_kit.process(file, order, tmp_path, using, reports)
    assert (await media_of(done)).height == 90
    assert "encoding to H.264 with h264_v4l2m2m | h264_v4l2m2m failed: encoding in software" in reports.notes
    assert "encoding to H.264 with libx264" in reports.notes
    assert (await encoder_for("h264", program, tmp_path)).name == "libx264"


async def test_a_cancel_leaves_no_ffmpeg(tmp_path: Path) -> None:
    make_video(tmp_path, "long.mp4", seconds=8, size="640x360")
    reports = Reports()
    task = asyncio.create_task(
        made(LocalFile(tmp_path / "long.mp4", "long.mp4", ""), reports, convert="-preset veryslow")
    )
    while not any(progress.done for progress in reports.seen if progress.playing):
        await asyncio.sleep(0.05)
        assert not task.done()
    working = children()
    assert working
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert not [pid for pid in working if Path(f"/proc/{pid}").exists()]


def children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(word) for word in text.split()]
