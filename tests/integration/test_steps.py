"""Probe, remux and thumbnail with the real ffmpeg."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.demo.samples import turn_upright
from medusa.model import LocalFile, Order
from medusa.steps import ffmpeg as reader
from medusa.steps.mp4 import read_layout
from medusa.tools import find_ffmpeg
from tests.integration import source_kit
from tests.integration.source_kit import Reports, ffmpeg, file_sha256, make_video, tool_box

Take = Callable[..., LocalFile]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of media in many shapes."""
    folder = tmp_path_factory.mktemp("shelf")
    make_video(folder, "late.mp4", "-metadata", "title=Late index")
    copy = ("-i", "late.mp4", "-c", "copy")
    ffmpeg(*copy, "-movflags", "+faststart", "early.mp4", cwd=folder)
    ffmpeg(*copy, "-movflags", "+frag_keyframe+empty_moov", "fragments.mp4", cwd=folder)
    ffmpeg(*copy, "phone.mov", cwd=folder)
    turn_upright(folder / "phone.mov", 180)
    ffmpeg(*copy, "show.ts", cwd=folder)
    (folder / "words.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nhello\n")
    ffmpeg("-i", "late.mp4", "-i", "words.srt", "-c", "copy", "-c:s", "srt", "talk.mkv", cwd=folder)
    ffmpeg("-i", "late.mp4", "-c:v", "mpeg4", "-c:a", "libmp3lame", "old.avi", cwd=folder)
    ffmpeg(
        "-i",
        "late.mp4",
        "-c:v",
        "libvpx",
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
        "-c:a",
        "libvorbis",
        "web.webm",
        cwd=folder,
    )
    ffmpeg(*copy, "-aspect", "4:1", "wide.mkv", cwd=folder)
    ffmpeg("-f", "lavfi", "-i", "color=red:s=300x500", "-frames:v", "1", "cover.jpg", cwd=folder)
    tags = ("-metadata", "title=A song", "-metadata", "artist=A singer")
    sound = ("-f", "lavfi", "-i", "sine=d=3")
    ffmpeg(
        *sound,
        "-i",
        "cover.jpg",
        "-map",
        "0",
        "-map",
        "1",
        "-c:v",
        "copy",
        "-disposition:v",
        "attached_pic",
        *tags,
        "song.mp3",
        cwd=folder,
    )
    ffmpeg(*sound, *tags, "-c:a", "libopus", "voice.ogg", cwd=folder)
    black = "color=black:s=320x180:r=10:d=10"
    # Black but for the seconds from 6 to 7.
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        black,
        "-vf",
        "drawbox=c=white:t=fill:enable='between(t,6,7)'",
        "-g",
        "10",
        "dark.mp4",
        cwd=folder,
    )
    return folder


@pytest.fixture
def take(shelf: Path, tmp_path: Path) -> Take:
    """Put a copy of a file from the shelf into the work folder."""

    def copy(name: str, *, as_name: str | None = None, mime: str = "application/octet-stream") -> LocalFile:
        path = tmp_path / f"download{Path(name).suffix}"
        shutil.copy(shelf / name, path)
        return LocalFile(path, as_name or name, mime)

    return copy


async def process(file: LocalFile, order: Order | None = None, *, with_ffmpeg: bool = True) -> tuple[LocalFile, str]:
    reports = Reports()
    async with tool_box(with_ffmpeg=with_ffmpeg) as tools:
        done = await source_kit.process(file, order or Order("http://x/"), file.path.parent, tools, reports)
    return done, reports.notes


def run_ffmpeg(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(find_ffmpeg()), *arguments], check=False, capture_output=True)


def hashes(path: Path, *options: str) -> list[str]:
    """Return the hashes of what ffmpeg reads out of a file, without times and the order among streams."""
    lines = run_ffmpeg("-v", "error", "-i", str(path), *options, "-f", "framehash", "-").stdout.decode().splitlines()
    found = sorted(line.split(",")[5].strip() for line in lines if not line.startswith("#"))
    assert len(found) > 50
    return found


def packets(path: Path) -> list[str]:
    """Return the hashes of the packets as they are."""
    return hashes(path, "-map", "0:V", "-map", "0:a", "-c", "copy")


def frames(path: Path) -> list[str]:
    """Return the hashes of the decoded pictures, for containers that write the same packets in other forms."""
    return hashes(path, "-map", "0:V")


def jpeg_size(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data[:2] == b"\xff\xd8"
    assert len(data) <= 200_000
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")


async def test_a_streamable_video_is_left_alone(take: Take) -> None:
    file = take("early.mp4")
    before = file_sha256(file.path)
    done, _ = await process(file)
    assert file_sha256(done.path) == before
    assert done.media is not None
    assert done.media.streamable
    assert (done.media.width, done.media.height, done.media.rotation) == (320, 180, 0)
    assert (done.media.video_codec, done.media.audio_codec) == ("h264", "aac")
    assert done.media.duration == pytest.approx(3, abs=0.1)
    assert (done.mime, done.media.title) == ("video/mp4", "Late index")
    assert done.thumb is not None
    assert jpeg_size(done.thumb) == (320, 180)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("late.mp4", packets),
        ("fragments.mp4", packets),
        ("talk.mkv", packets),
        ("show.ts", frames),
        ("old.avi", frames),
    ],
)
async def test_a_video_becomes_a_streamable_mp4_with_the_same_packets(
    take: Take, name: str, content: Callable[[Path], list[str]]
) -> None:
    file = take(name)
    before = content(file.path)
    done, _ = await process(file)
    layout = read_layout(done.path)
    assert layout is not None
    assert layout.streamable
    assert (done.name, done.mime) == (f"{Path(name).stem}.mp4", "video/mp4")
    assert done.media is not None
    assert done.media.streamable
    assert done.media.duration == pytest.approx(3, abs=0.2)
    assert not list(done.path.parent.glob("remux*"))
    assert content(done.path) == before


async def test_the_step_can_be_run_again_after_a_crash(take: Take) -> None:
    """The remuxed file takes the place of the fetched one, which is what a restart knows."""
    file = take("talk.mkv", mime="video/x-matroska")
    first, _ = await process(file)
    again, _ = await process(file)
    assert (again.name, again.media, again.path) == (first.name, first.media, first.path)


async def test_subtitles_stay(take: Take) -> None:
    done, _ = await process(take("talk.mkv"))
    text = run_ffmpeg("-i", str(done.path)).stderr.decode()
    assert "Subtitle: mov_text" in text


async def test_a_phone_video_stays_upright(take: Take) -> None:
    done, _ = await process(take("phone.mov"))
    assert done.name == "phone.mp4"
    assert done.media is not None
    assert (done.media.width, done.media.height, done.media.rotation) == (180, 320, 90)
    assert done.thumb is not None
    assert jpeg_size(done.thumb) == (180, 320)


async def test_pixels_that_are_not_square(take: Take) -> None:
    done, _ = await process(take("wide.mkv"))
    assert done.media is not None
    assert done.media.width == pytest.approx(720, abs=2)
    assert done.media.height == 180
    assert done.thumb is not None
    assert jpeg_size(done.thumb) == (320, 80)


async def test_codecs_that_mp4_cannot_carry_stay_where_they_are(take: Take) -> None:
    file = take("web.webm", mime="video/webm")
    before = file_sha256(file.path)
    done, _ = await process(file)
    assert file_sha256(done.path) == before
    assert (done.name, done.mime) == ("web.webm", "video/webm")
    assert done.thumb is not None


async def test_a_document_is_not_remuxed_but_has_a_thumbnail(take: Take) -> None:
    file = take("talk.mkv")
    before = file_sha256(file.path)
    done, _ = await process(file, Order("http://x/", as_document=True))
    assert file_sha256(done.path) == before
    assert (done.name, done.mime) == ("talk.mkv", "video/x-matroska")
    assert done.thumb is not None


async def test_a_song_with_its_cover(take: Take) -> None:
    done, _ = await process(take("song.mp3"))
    assert done.media is not None
    assert (done.media.video_codec, done.media.audio_codec, done.media.width) == (None, "mp3", None)
    assert (done.media.title, done.media.performer) == ("A song", "A singer")
    assert done.mime == "audio/mpeg"
    assert done.thumb is not None
    assert jpeg_size(done.thumb) == (192, 320)


async def test_sound_without_a_cover(take: Take) -> None:
    done, _ = await process(take("voice.ogg"))
    assert done.media is not None
    assert (done.media.title, done.media.performer, done.thumb) == ("A song", "A singer", None)
    assert done.mime == "audio/ogg"


async def test_the_thumbnail_is_not_black(take: Take) -> None:
    done, _ = await process(take("dark.mp4"))
    assert done.thumb is not None
    pixel = run_ffmpeg("-i", str(done.thumb), "-vf", "scale=1:1", "-f", "rawvideo", "-pix_fmt", "gray", "-").stdout
    assert pixel[0] > 100


async def test_a_wrong_name_gets_the_right_extension(take: Take) -> None:
    done, _ = await process(take("early.mp4", as_name="v1.2 Finale"))
    assert done.name == "v1.2 Finale.mp4"
    done, _ = await process(take("early.mp4", as_name="clip.avi", mime="video/x-msvideo"))
    assert (done.name, done.mime) == ("clip.mp4", "video/mp4")


@pytest.mark.parametrize("name", ["early.mp4", "late.mp4"])
async def test_a_video_that_is_cut_off_is_a_plain_file_and_it_says_so(take: Take, name: str) -> None:
    file = take(name, mime="video/mp4")
    with file.path.open("r+b") as cut:
        cut.truncate(file.path.stat().st_size * 2 // 3)
    done, notes = await process(file)
    assert (done.media, done.thumb, done.mime, done.name) == (None, None, "application/octet-stream", name)
    assert "cut off" in notes


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"hello\n" * 100),
        ("noise.bin", bytes(range(256)) * 500),
        ("empty.mp4", b""),
        ("list.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n"),
        ("list.txt", b"ffconcat version 1.0\nfile /etc/passwd\n"),
    ],
)
async def test_what_is_no_media_is_a_plain_file(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    done, _ = await process(LocalFile(path, name, "text/plain"))
    assert done == LocalFile(path, name, "text/plain")


async def test_a_picture_is_no_video(shelf: Path, take: Take) -> None:
    done, _ = await process(take("cover.jpg", mime="image/jpeg"))
    assert (done.media, done.mime, done.thumb) == (None, "image/jpeg", None)


async def test_without_ffmpeg_it_says_so_and_posts_the_file(take: Take) -> None:
    file = take("talk.mkv", mime="video/x-matroska")
    done, notes = await process(file, with_ffmpeg=False)
    assert done == replace(file, media=None)
    assert "ffmpeg is missing" in notes


OLD_STYLE = """Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/x':
  Metadata:
    title           : first
                    :   Stream #0:0: Video: h264, 9x9
  Duration: 123:04:05.60, start: 0.000000, bitrate: 4 kb/s
  Stream #0:0(und): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz
    Metadata:
      title           : second
  Stream #0:1[0x1](und): Video: hevc (Main) (hvc1 / 0x31637668), yuv420p(tv), 1920x1080 [SAR 4:3 DAR 64:27], 9 kb/s
    Side data:
      displaymatrix: rotation of 180.00 degrees
  Stream #0:2: Video: mjpeg (Baseline), yuvj420p(pc), 600x600, 90k tbr (attached pic)
    Side data:
      displaymatrix: rotation of -90.00 degrees
"""


def test_the_words_of_other_versions_of_ffmpeg() -> None:
    media = reader.parse(OLD_STYLE)
    assert media is not None
    assert media.duration == 123 * 3600 + 4 * 60 + 5.6
    assert (media.width, media.height, media.rotation) == (2560, 1080, 180)
    assert (media.video_codec, media.audio_codec, media.title) == ("hevc", "aac", "first")


def test_no_duration_and_no_streams() -> None:
    media = reader.parse(OLD_STYLE.replace("123:04:05.60", "N/A"))
    assert media is not None
    assert media.duration is None
    assert reader.parse("file:/x: Invalid data found when processing input") is None
    assert reader.parse(OLD_STYLE.split("  Stream", maxsplit=1)[0]) is None
