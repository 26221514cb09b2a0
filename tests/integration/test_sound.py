"""Audio extraction, voice messages, loudness and tags with the real ffmpeg."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.steps import all_wishes
from medusa.steps.waveform import levels, packed
from medusa.tools import find_ffmpeg
from tests.integration import source_kit
from tests.integration.source_kit import Reports, ffmpeg, make_video, tool_box

Take = Callable[[str], LocalFile]
TAGS = (
    *("-metadata", "title=A song", "-metadata", "artist=A singer"),
    *("-metadata", "album=An album", "-metadata", "date=1999"),
)
BELL = ("-f", "lavfi", "-i", "sine=d=2:r=48000")
SIX = ("-f", "lavfi", "-i", "anoisesrc=d=2:a=0.1:r=48000", "-af", "pan=5.1(side)|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of sound in many shapes."""
    folder = tmp_path_factory.mktemp("sounds")
    make_video(folder, "film.mp4", *TAGS, seconds=2, size="160x90")
    copied = ("-i", "film.mp4", "-c:v", "copy")
    ffmpeg(*copied, "-an", "silent.mp4", cwd=folder)
    for name, codec in {
        "mp3.mkv": "libmp3lame",
        "opus.mkv": "libopus",
        "vorbis.mkv": "libvorbis",
        "flac.mkv": "flac",
        "ac3.mkv": "ac3",
        "pcm.mkv": "pcm_s16le",
    }.items():
        ffmpeg(*copied, "-c:a", codec, name, cwd=folder)
    ffmpeg(*SIX, "-c:a", "ac3", "six.ac3", cwd=folder)
    ffmpeg("-i", "film.mp4", "-i", "six.ac3", "-map", "0:v", "-map", "1:a", "-c", "copy", "six.mkv", cwd=folder)
    ffmpeg("-f", "lavfi", "-i", "color=red:s=300x500", "-frames:v", "1", "cover.jpg", cwd=folder)
    pinned = ("-i", "cover.jpg", "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
    ffmpeg(*BELL, *pinned, *TAGS, "song.mp3", cwd=folder)
    ffmpeg(*BELL, *pinned, *TAGS, "-c:a", "flac", "song.flac", cwd=folder)
    ffmpeg(*BELL, *TAGS, "-c:a", "libvorbis", "song.ogg", cwd=folder)
    ffmpeg(*BELL, "-af", "volume=-25dB", "-c:a", "pcm_s16le", "quiet.wav", cwd=folder)
    ffmpeg(
        *("-f", "lavfi", "-i", "anoisesrc=d=8:a=0.02:r=44100", "-f", "lavfi", "-i", "testsrc2=s=160x90:d=8"),
        *("-map", "1:v", "-map", "0:a", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "soft.mp4"),
        cwd=folder,
    )
    (folder / "notes.txt").write_bytes(b"hello\n" * 100)
    (folder / "empty.mp3").write_bytes(b"")
    cut = (folder / "film.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(cut[: len(cut) // 2])
    return folder


@pytest.fixture
def take(shelf: Path, tmp_path: Path) -> Take:
    """Put a copy of a file from the shelf into the work folder."""

    def copy(name: str) -> LocalFile:
        path = tmp_path / f"download{Path(name).suffix}"
        path.write_bytes((shelf / name).read_bytes())
        return LocalFile(path, name, "application/octet-stream")

    return copy


async def made(file: LocalFile, **wishes: str) -> LocalFile:
    edits = {name: all_wishes()[name].read(value) for name, value in wishes.items()}
    async with tool_box() as tools:
        return await source_kit.process(file, Order("http://x/", edits=edits), file.path.parent, tools, Reports())


def said(path: Path) -> str:
    """What ffmpeg says of a file."""
    done = subprocess.run([str(find_ffmpeg()), "-i", str(path)], check=False, capture_output=True)
    return done.stderr.decode()


def sound(path: Path, *options: str) -> list[str]:
    """The hashes of the packets of sound, or of the samples where ``options`` decode them."""
    argv = [str(find_ffmpeg()), "-v", "error", "-i", str(path), "-map", "0:a:0"]
    argv += [*(options or ("-c", "copy")), "-f", "framehash", "-"]
    lines = subprocess.run(argv, check=True, capture_output=True).stdout.decode().splitlines()
    return [line.split(",")[5].strip() for line in lines if not line.startswith("#")]


def tags(path: Path) -> dict[str, str]:
    found = re.findall(r"^ +(title|artist|album|date|comment) *: (.*)$", said(path), re.MULTILINE | re.IGNORECASE)
    return {key.lower(): value for key, value in found}


@pytest.mark.parametrize(
    ("name", "ending", "mime"),
    [
        ("film.mp4", "m4a", "audio/mp4"),
        ("mp3.mkv", "mp3", "audio/mpeg"),
        ("opus.mkv", "opus", "audio/ogg"),
        ("vorbis.mkv", "ogg", "audio/ogg"),
        ("flac.mkv", "flac", "audio/flac"),
    ],
)
async def test_sound_is_taken_over_packet_by_packet(take: Take, name: str, ending: str, mime: str) -> None:
    file = take(name)
    before = sound(file.path)
    done = await made(file, audio="")
    assert (done.name, done.mime) == (f"{Path(name).stem}.{ending}", mime)
    assert sound(done.path) == before
    assert len(before) > 15
    assert done.media is not None
    assert done.media.video_codec is None
    assert (done.media.title, done.media.performer) == ("A song", "A singer")
    assert done.media.duration == pytest.approx(2, abs=0.08)
    assert done.thumb is not None
    found = tags(done.path)
    assert (found["title"], found["artist"], found["album"], found["date"]) == (
        "A song",
        "A singer",
        "An album",
        "1999",
    )
    assert "major_brand     : isom" not in said(done.path)
    assert (done.media.cover is not None) == (ending in ("m4a", "mp3", "flac"))


async def test_lossless_stays_lossless(take: Take) -> None:
    file = take("pcm.mkv")
    before = sound(file.path, "-c:a", "pcm_s16le", "-af", "asetnsamples=n=1000:p=0")
    done = await made(file, audio="")
    assert done.name == "pcm.flac"
    assert sound(done.path, "-c:a", "pcm_s16le", "-af", "asetnsamples=n=1000:p=0") == before


@pytest.mark.parametrize("wished", ["mp3", "m4a", "opus", "ogg", "flac", "wav"])
@pytest.mark.parametrize("name", ["six.mkv", "film.mp4"])
async def test_every_format_of_mono_and_of_six_channels(take: Take, name: str, wished: str) -> None:
    done = await made(take(name), audio=wished)
    assert done.path.suffix == f".{wished}"
    assert done.media is not None
    assert done.media.duration == pytest.approx(2, abs=0.08)
    channels = {"mp3": "stereo"}.get(wished, "5.1") if name == "six.mkv" else "mono"
    assert f"Hz, {channels}" in said(done.path)


async def test_copy_copies_whatever_it_is(take: Take) -> None:
    file = take("ac3.mkv")
    before = sound(file.path)
    done = await made(file, audio="copy")
    assert done.name == "ac3.mka"
    assert sound(done.path) == before


async def test_other_sound_is_encoded_for_every_player(take: Take) -> None:
    done = await made(take("ac3.mkv"), audio="")
    assert done.name == "ac3.m4a"
    assert done.media is not None
    assert done.media.audio_codec == "aac"


@pytest.mark.parametrize(("name", "wished"), [("song.mp3", "m4a"), ("song.flac", "mp3"), ("song.mp3", "")])
async def test_the_cover_stays(take: Take, name: str, wished: str) -> None:
    done = await made(take(name), audio=wished)
    assert done.media is not None
    assert done.media.cover is not None
    assert "300x500" in said(done.path)
    assert tags(done.path)["album"] == "An album"
    assert done.thumb is not None


@pytest.mark.parametrize("wished", ["mp3", "flac", "opus"])
async def test_the_tags_of_ogg_stay(take: Take, wished: str) -> None:
    done = await made(take("song.ogg"), audio=wished)
    assert tags(done.path)["album"] == "An album"
    assert done.media is not None
    assert (done.media.title, done.media.performer) == ("A song", "A singer")


async def test_sound_of_a_title_that_only_the_site_knew(take: Take) -> None:
    file = take("quiet.wav")
    done = await made(LocalFile(file.path, file.name, file.mime, title="From afar"), audio="mp3")
    assert tags(done.path)["title"] == "From afar"


async def test_part_of_the_sound(take: Take) -> None:
    done = await made(take("film.mp4"), trim="0.5-1.5", audio="mp3")
    assert done.media is not None
    assert done.media.duration == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("name", ["film.mp4", "six.mkv", "song.mp3"])
async def test_a_voice_message(take: Take, name: str) -> None:
    done = await made(take(name), voice="")
    assert (done.mime, done.shape, done.path.suffix) == ("audio/ogg", "voice", ".ogg")
    assert "Audio: opus, 48000 Hz, mono" in said(done.path)
    assert done.media is not None
    assert done.media.duration == pytest.approx(2, abs=0.08)
    assert len(bytes.fromhex(done.waveform)) == 63


async def test_the_waveform_follows_the_sound(take: Take, shelf: Path) -> None:
    swell = "aevalsrc=0.9*sin(2*PI*440*t)*t/4*lt(t\\,4):d=8:s=16000"
    ffmpeg("-f", "lavfi", "-i", swell, "-c:a", "pcm_s16le", "swell.wav", cwd=shelf)
    done = await made(take("swell.wav"), voice="")
    whole = int.from_bytes(bytes.fromhex(done.waveform), "little")
    values = [whole >> 5 * place & 31 for place in range(100)]
    assert max(values) == 31
    assert values[:45] == sorted(values[:45])
    assert values[45:50] > [25] * 5
    assert max(values[55:]) <= 1


def test_waveforms_of_little_and_of_much() -> None:
    assert levels([]) == [0] * 100
    assert levels([0.0] * 7) == [0] * 100
    assert levels([0.5]) == [31] * 100
    assert levels([0.1] * 500 + [1.0] * 500) == [3] * 50 + [31] * 50
    assert packed([31] * 100) == b"\xff" * 62 + b"\x0f"
    assert packed([1, 0, 0, 0, 0, 0, 0, 2]) == b"\x01\x00\x00\x00\x10" + bytes(58)


def loudness(path: Path) -> float:
    """The integrated loudness in LUFS, as ffmpeg measures it."""
    argv = [str(find_ffmpeg()), "-hide_banner", "-i", str(path), "-map", "0:a", "-af", "ebur128", "-f", "null", "-"]
    told = subprocess.run(argv, check=True, capture_output=True).stderr.decode()
    return float(re.findall(r"I: +(-?[\d.]+) LUFS", told)[-1])


async def test_loudness_leaves_the_pictures_alone(take: Take) -> None:
    file = take("soft.mp4")
    before = pictures(file.path)
    assert loudness(file.path) < -35
    done = await made(file, loudness="-14")
    assert loudness(done.path) == pytest.approx(-14, abs=1.5)
    assert pictures(done.path) == before
    assert "48000 Hz" in said(done.path)
    assert done.media is not None
    assert done.media.duration == pytest.approx(8, abs=0.06)


def pictures(path: Path) -> list[str]:
    argv = [str(find_ffmpeg()), "-v", "error", "-i", str(path), "-map", "0:V", "-c", "copy", "-f", "framehash", "-"]
    lines = subprocess.run(argv, check=True, capture_output=True).stdout.decode().splitlines()
    return [line.split(",")[5].strip() for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("name", ["song.mp3", "song.flac", "song.ogg", "quiet.wav"])
async def test_loudness_of_songs_keeps_format_tags_and_cover(take: Take, name: str) -> None:
    done = await made(take(name), loudness="")
    assert done.name == name
    assert "48000 Hz" in said(done.path)
    if name != "quiet.wav":
        assert tags(done.path)["album"] == "An album"
    assert done.media is not None
    assert (done.media.cover is not None) == (name in ("song.mp3", "song.flac"))


@pytest.mark.parametrize("name", ["song.mp3", "song.flac", "song.ogg", "film.mp4", "opus.mkv"])
async def test_tags_are_written_without_touching_the_sound(take: Take, name: str) -> None:
    file = take(name)
    before = sound(file.path)
    done = await made(file, tag="title=Blue = green; artist=x\nalbum=")
    assert sound(done.path) == before
    found = tags(done.path)
    assert (found["title"], found["artist"], found.get("album")) == ("Blue = green;", "x", None)
    assert done.media is not None
    assert (done.media.title, done.media.performer, done.title) == ("Blue = green;", "x", "Blue = green;")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("title=A b c artist=D", "title=A b c\nartist=D"),
        ('TITLE="A b" year=2001', "title=A b\ndate=2001"),
        ("title=a\u202eb\x07\tc", "title=ab c"),
        ("title=a=b=c", "title=a=b=c"),
        ("album=", "album="),
    ],
)
def test_tags_as_they_are_written(written: str, kept: str) -> None:
    assert all_wishes()["tag"].read(written) == kept


@pytest.mark.parametrize("written", ["", "hello", "hello title=x", "encoder=x", "title=" + "x" * 4096, "title=a\nb"])
def test_tags_that_are_none(written: str) -> None:
    with pytest.raises(UserError) as refused:
        all_wishes()["tag"].read(written)
    assert "\n" not in refused.value.user_text
    assert len(refused.value.user_text) < 250


@pytest.mark.parametrize(
    ("wish", "value"), [("audio", "wma"), ("loudness", "loud"), ("loudness", "-99"), ("loudness", "nan")]
)
def test_values_that_are_none(wish: str, value: str) -> None:
    with pytest.raises(UserError):
        all_wishes()[wish].read(value)


@pytest.mark.parametrize("wish", ["audio", "voice", "loudness"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("silent.mp4", "There is no sound in silent.mp4."),
        ("notes.txt", "notes.txt is no video and no sound that can be read."),
        ("empty.mp3", "empty.mp3 is no video and no sound that can be read."),
        ("cut.mp4", "cut.mp4 is no video and no sound that can be read."),
        ("cover.jpg", "cover.jpg is no video and no sound that can be read."),
    ],
)
async def test_what_has_no_sound_is_refused_in_one_line(take: Take, wish: str, name: str, words: str) -> None:
    with pytest.raises(UserError) as refused:
        await made(take(name), **{wish: ""})
    assert refused.value.user_text == words


async def test_a_song_that_is_cut_off_gives_what_there_is(take: Take) -> None:
    file = take("song.mp3")
    with file.path.open("r+b") as cut:
        cut.truncate(file.path.stat().st_size * 2 // 3)
    done = await made(file, audio="m4a")
    assert done.media is not None
    assert done.media.duration is not None
    assert 0.5 < done.media.duration < 2


async def test_without_ffmpeg_it_says_so(take: Take) -> None:
    file = take("song.mp3")
    async with tool_box(with_ffmpeg=False) as tools:
        with pytest.raises(UserError, match="needs ffmpeg"):
            await source_kit.process(
                file, Order("http://x/", edits={"voice": "on"}), file.path.parent, tools, Reports()
            )
