"""Subtitles in any encoding, taken out, put in and burned in with the real ffmpeg."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medusa import steps
from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.steps import all_wishes
from medusa.steps.captions import MOST_BYTES, decoded, kind_of
from medusa.steps.ffmpeg import look
from medusa.tools import find_ffmpeg
from tests.integration.source_kit import Reports, ffmpeg, make_video, tool_box

Take = Callable[..., LocalFile]
SRT = "1\n00:00:00,500 --> 00:00:01,500\n{}\n\n2\n00:00:02,000 --> 00:00:03,000\n{}\n"
RUSSIAN = ("Здравствуйте, как у вас дела сегодня?", "Спасибо, всё хорошо, поедем домой.")
FRENCH = ("Où êtes-vous allés, mes chéris ?", "À l’école, évidemment, comme d’habitude.")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of films with and without subtitles."""
    folder = tmp_path_factory.mktemp("films")
    make_video(folder, "film.mp4", seconds=3, size="320x180")
    grey = ("-f", "lavfi", "-i", "color=gray:s=320x180:r=10:d=3", "-c:v", "libx264", "-preset", "ultrafast", "-g", "10")
    ffmpeg(*grey, "grey.mp4", cwd=folder)
    (folder / "en.srt").write_text(SRT.format("Hello", "<i>World</i>"))
    (folder / "de.srt").write_text(SRT.format("Hallo", "Welt"))
    ffmpeg("-i", "de.srt", "de.ass", cwd=folder)
    languages = (
        *("-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=ger"),
        *("-disposition:s:0", "0", "-disposition:s:1", "default", "-default_mode", "passthrough"),
    )
    several = ("-i", "grey.mp4", "-i", "en.srt", "-i", "de.ass", "-map", "0", "-map", "1", "-map", "2", "-c", "copy")
    ffmpeg(*several, *languages, "two.mkv", cwd=folder)
    ffmpeg("-i", "grey.mp4", "-i", "en.srt", "-c", "copy", "-c:s", "mov_text", "one.mp4", cwd=folder)
    ffmpeg("-f", "lavfi", "-i", "sine=d=2", "song.mp3", cwd=folder)
    return folder


@pytest.fixture
def take(shelf: Path, tmp_path: Path) -> Take:
    """Put a copy of a file from the shelf, or some bytes, into the work folder."""

    def copy(name: str, data: bytes | None = None) -> LocalFile:
        path = tmp_path / f"held{len(list(tmp_path.iterdir()))}{Path(name).suffix}"
        path.write_bytes((shelf / name).read_bytes() if data is None else data)
        return LocalFile(path, name, "application/octet-stream")

    return copy


async def made(*files: LocalFile, **wishes: str) -> LocalFile:
    edits = {name.replace("_", "-"): value for name, value in wishes.items()}
    edits = {name: all_wishes()[name].read(value) for name, value in edits.items()}
    order = Order("http://x/", edits=edits)
    async with tool_box() as tools:
        [done] = await steps.process(files, order, files[0].path.parent, tools, Reports())
    return done


def program() -> str:
    return str(find_ffmpeg())


def pixels(path: Path, at: float, area: str) -> bytes:
    """The luma of an area of one frame."""
    argv = [program(), "-v", "error", "-ss", str(at), "-i", str(path), "-frames:v", "1"]
    argv += ["-vf", f"crop={area}", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    return subprocess.run(argv, check=True, capture_output=True).stdout


def has_text(path: Path, at: float) -> bool:
    """Whether there is something white in the lower part of a grey picture, and nothing in the upper."""
    low, high = pixels(path, at, "320:60:0:120"), pixels(path, at, "320:60:0:0")
    assert max(high) < 150
    return max(low) > 200


async def tracks(path: Path) -> list[tuple[str, str]]:
    ffmpeg = find_ffmpeg()
    assert ffmpeg
    seen = await look(path, ffmpeg, path.parent)
    return [(track.codec, track.language) for track in seen.tracks if track.kind == "Subtitle"]


def srt_of(path: Path) -> str:
    argv = [program(), "-v", "error", "-i", str(path), "-map", "0:s:0", "-f", "srt", "-"]
    return subprocess.run(argv, check=True, capture_output=True).stdout.decode()


@pytest.mark.parametrize(("wanted", "name", "word"), [("en", "two.eng.srt", "Hello"), ("1", "two.eng.srt", "Hello")])
async def test_a_track_becomes_a_file(take: Take, wanted: str, name: str, word: str) -> None:
    done = await made(take("two.mkv"), subtitle=wanted)
    assert (done.name, done.media, done.mime) == (name, None, "application/x-subrip")
    text = done.path.read_text()
    assert word in text
    assert "<i>World</i>" in text
    assert "00:00:00,500 --> 00:00:01,500" in text


async def test_the_default_track_and_other_kinds(take: Take) -> None:
    done = await made(take("two.mkv"), subtitle="")
    assert (done.name, "Dialogue:" in done.path.read_text()) == ("two.ger.ass", True)
    done = await made(take("two.mkv"), subtitle="de", **{"as": "vtt"})
    assert (done.name, done.path.read_text().startswith("WEBVTT")) == ("two.ger.vtt", True)
    done = await made(take("one.mp4"), subtitle="1")
    assert done.name == "one.srt"


@pytest.mark.parametrize(
    ("name", "wishes", "words"),
    [
        ("film.mp4", {"subtitle": "en"}, "There are no subtitles in film.mp4."),
        ("film.mp4", {"burn": ""}, "There are no subtitles in film.mp4."),
        ("film.mp4", {"no_subs": "on"}, "There are no subtitles in film.mp4."),
        ("two.mkv", {"subtitle": "fr"}, "two.mkv has no subtitles fr; there are 1 eng (subrip), 2 ger (ass, default)."),
        ("two.mkv", {"burn": "7"}, "two.mkv has no subtitles 7; there are 1 eng (subrip), 2 ger (ass, default)."),
        ("song.mp3", {"burn": ""}, "There are no pictures in song.mp3 to write subtitles into."),
        ("two.mkv", {"burn": "", "trim": "0-1 2-3"}, "Subtitles cannot go with several ranges at once: trim first"),
    ],
)
async def test_what_cannot_be_done_is_said(take: Take, name: str, wishes: dict[str, str], words: str) -> None:
    with pytest.raises(UserError) as refused:
        await made(take(name), **wishes)
    assert refused.value.user_text.startswith(words)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (SRT.format(*RUSSIAN), "cp1251"),
        (SRT.format(*RUSSIAN), "utf-16"),
        (SRT.format(*RUSSIAN), "utf-8-sig"),
        (SRT.format(*FRENCH), "cp1252"),
        (SRT.format("Kde jste byli, moji milí?", "Ve škole, samozřejmě, žluťoučký kůň."), "cp1250"),
        (SRT.format("Πού ήσασταν, αγαπημένοι μου;", "Στο σχολείο, φυσικά, όπως πάντα."), "cp1253"),
        (SRT.format(*FRENCH).replace("’", "'"), "latin-1"),
        (SRT.format(*FRENCH).replace("\n", "\r\n"), "utf-8"),
    ],
)
async def test_encodings_are_recognised(take: Take, text: str, encoding: str) -> None:
    done = await made(take("words.srt", text.encode(encoding)), **{"as": "srt"})
    found = done.path.read_text(encoding="utf-8")
    assert [line for line in text.split() if line.isalpha()] == [line for line in found.split() if line.isalpha()]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_marks_of_wide_encodings(encoding: str) -> None:
    data = "\ufeff".encode(encoding) + SRT.format("a", "b").encode(encoding)
    assert kind_of(decoded(data) or "") == "srt"


async def test_a_subtitle_file_becomes_another_kind(take: Take) -> None:
    vtt = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"
    done = await made(take("words.txt", vtt), **{"as": "ass"})
    assert (done.name, done.mime) == ("words.ass", "text/x-ssa")
    assert "Dialogue: 0,0:00:01.00,0:00:02.00" in done.path.read_text()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(range(256)) * 50,
        b"\xff\xfe\x00",
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"just some words\n" * 20,
        b"1\n00:00:xx --> nonsense\n",
        b"WEBVTT\n",
        b"[Script Info]\n",
        b"#EXTM3U\n/etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n00:00:01,000 --> 00:00:02,000\n",
    ],
)
async def test_junk_is_no_subtitle_file(take: Take, data: bytes) -> None:
    try:
        done = await made(take("grey.mp4"), take("junk.srt", data), embed="on")
    except UserError as error:
        assert "junk.srt" in error.user_text
        assert "\n" not in error.user_text
    else:
        assert "passwd" not in srt_of(done.path)


async def test_a_huge_subtitle_file_is_refused(take: Take) -> None:
    file = take("huge.srt", SRT.format("a", "b").encode())
    with file.path.open("r+b") as sparse:
        sparse.truncate(MOST_BYTES + 1)
    with pytest.raises(UserError, match="too big to be subtitles"):
        await made(file, **{"as": "vtt"})


@pytest.mark.parametrize("first", ["film.mp4", "words.srt"])
async def test_a_file_is_put_into_the_video(take: Take, first: str) -> None:
    text = SRT.format(*RUSSIAN).encode("cp1251")
    files = [take("film.mp4"), take("words.srt", text)]
    before = packets(files[0].path)
    done = await made(*(files if first == "film.mp4" else files[::-1]), embed="on")
    assert done.name == "film.mp4"
    assert await tracks(done.path) == [("mov_text", "und")]
    assert RUSSIAN[0] in srt_of(done.path)
    assert packets(done.path) == before
    assert done.media is not None
    assert done.media.streamable
    assert done.media.duration == pytest.approx(3, abs=0.1)


def packets(path: Path) -> list[str]:
    argv = [
        program(),
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        "0:v",
        "-map",
        "0:a?",
        "-c",
        "copy",
        "-f",
        "framehash",
        "-",
    ]
    lines = subprocess.run(argv, check=True, capture_output=True).stdout.decode().splitlines()
    return sorted(line.split(",")[5].strip() for line in lines if not line.startswith("#"))


async def test_a_file_is_put_behind_the_tracks_that_are_there(take: Take) -> None:
    done = await made(take("two.mkv"), take("fr.srt", SRT.format(*FRENCH).encode()), embed="on")
    assert [codec for codec, _ in await tracks(done.path)] == ["mov_text"] * 3


async def test_two_files_are_needed(take: Take) -> None:
    with pytest.raises(UserError, match=r"One video and one subtitle file are needed; here are film.mp4\."):
        await made(take("film.mp4"), embed="on")


async def test_subtitles_are_left_out(take: Take) -> None:
    done = await made(take("two.mkv"), no_subs="on")
    assert await tracks(done.path) == []
    assert done.media is not None
    assert done.media.duration == pytest.approx(3, abs=0.1)


async def test_burned_in_where_and_when_the_text_is(take: Take) -> None:
    done = await made(take("two.mkv"), burn="en")
    assert (done.name, await tracks(done.path)) == ("two.mp4", [])
    assert [has_text(done.path, at) for at in (0.2, 1.0, 1.8, 2.5)] == [False, True, False, True]
    assert done.media is not None
    assert done.media.duration == pytest.approx(3, abs=0.1)


async def test_burned_in_from_a_file_beside_the_video(take: Take) -> None:
    file = take("words.srt", SRT.format(*RUSSIAN).encode("cp1251"))
    done = await made(take("grey.mp4"), file, embed="on", burn="")
    assert [has_text(done.path, at) for at in (0.2, 1.0)] == [False, True]


async def test_burned_into_a_part(take: Take) -> None:
    """The second line shows from 2 s on, which is 0.5 s into the part."""
    done = await made(take("two.mkv"), burn="de", trim="1.5-2.8", exact="on")
    assert [has_text(done.path, at) for at in (0.2, 0.8)] == [False, True]


async def test_markup_is_harmless(take: Take) -> None:
    words = ("{\\pos(160,20)}<font size=900>x</font>", "<b>'; [0:v]movie=/etc/passwd, {\\fn/etc/passwd}%{pts}")
    file = take("words.srt", SRT.format(*words).encode())
    done = await made(take("grey.mp4"), replace(file, name="it's;[v]%d'.srt"), embed="on", burn="")
    assert done.media is not None
    assert done.media.duration == pytest.approx(3, abs=0.1)
