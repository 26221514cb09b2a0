"""The arithmetic of pictures: what is asked for, which frame is good, where on a sheet things stand."""

import re

import pytest

from medusa.errors import UserError
from medusa.model import Media
from medusa.steps.drawing import fitting, plain
from medusa.steps.mp4 import index_end, media_end
from medusa.steps.playing import codec_words, hurdles
from medusa.steps.sheet import WIDTH, grid_of, written
from medusa.steps.shots import MOST_COLUMNS, MOST_ROWS, _stamps, read_shots
from medusa.steps.thumb import read_time
from medusa.steps.thumbnail import _GOOD, appeal_of
from medusa.words import bits, playing_time


@pytest.mark.parametrize(
    ("text", "kept"),
    [("3x3", "3x3"), (" 4 X 6 ", "4x6"), ("2×5", "2x5"), ("6", "6"), ("007", "7"), ("1x1", "1x1"), ("6x10", "6x10")],
)
def test_what_shots_takes(text: str, kept: str) -> None:
    assert read_shots(text) == kept


@pytest.mark.parametrize(
    "text", ["", "0", "0x3", "3x0", "7x3", "3x11", "21", "x3", "3x", "-1", "a", "٣", "1.5", "9" * 50]
)
def test_what_shots_does_not_take(text: str) -> None:
    with pytest.raises(UserError) as refused:
        read_shots(text)
    assert len(refused.value.user_text) < 200


@pytest.mark.parametrize(
    ("text", "kept"),
    [("1:23", "83"), ("0", "0"), ("83.5", "83.5"), ("1:02:03", "3723"), ("0:00:01.250", "1.25"), ("100000", "100000")],
)
def test_times(text: str, kept: str) -> None:
    assert read_time(text) == kept


@pytest.mark.parametrize("text", ["", "reply", "1:2:3:4", "-1", "1,5", "1e3", "٣", "5s", ":30", "0:02\n-f"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UserError, match="is no time"):
        read_time(text)


def test_the_appeal_of_frames() -> None:
    """As measured: black, white, grey, a dark scene, a blurred picture, a sharp one."""
    black, white, grey = appeal_of(16, 16, 0), appeal_of(235, 235, 0), appeal_of(120, 120, 0)
    dark, blurred, sharp = appeal_of(16, 50, 3), appeal_of(69, 88, 7.8), appeal_of(31, 201, 99)
    assert black == 0 == appeal_of(0, 0, 0)
    assert black < dark < sharp
    assert max(white, grey) < blurred < _GOOD <= sharp <= 1


PHONE = {"video_codec": "h264", "audio_codec": "aac", "pixels": "yuv420p"}
_HURDLES: list[tuple[dict[str, str | None], tuple[str, ...]]] = [
    ({}, ()),
    ({"audio_codec": None}, ()),
    ({"audio_codec": "mp3"}, ()),
    ({"pixels": "yuvj420p"}, ()),
    ({"pixels": "nv12"}, ()),
    ({"pixels": None}, ()),
    ({"video_codec": "unknown", "audio_codec": None}, ()),
    ({"video_codec": "hevc", "pixels": "yuv420p10le", "hdr": "HDR10"}, ("HEVC", "10-bit", "HDR10")),
    ({"hdr": "HLG"}, ("HLG",)),
    ({"video_codec": "av1", "audio_codec": "opus"}, ("AV1", "Opus sound")),
    ({"video_codec": "vp9", "audio_codec": "vorbis"}, ("VP9", "Vorbis sound")),
    ({"pixels": "yuv444p"}, ("4:4:4",)),
    ({"pixels": "yuv422p10le"}, ("10-bit", "4:2:2")),
    ({"video_codec": "wmv3", "audio_codec": "pcm_s16le"}, ("WMV3", "PCM sound")),
    ({"video_codec": None, "pixels": None, "audio_codec": "opus"}, ()),
    ({"video_codec": None, "pixels": None, "audio_codec": "flac"}, ()),
    ({"video_codec": None, "pixels": None, "audio_codec": "dts"}, ("DTS",)),
]


@pytest.mark.parametrize(("facts", "found"), _HURDLES)
def test_what_phones_stumble_over(facts: dict[str, str | None], found: tuple[str, ...]) -> None:
    assert hurdles(Media("mov", **{**PHONE, **facts})) == found  # type: ignore[arg-type]


def test_codecs_as_people_call_them() -> None:
    assert codec_words("h264", "High 10") == "H.264 High 10"
    assert codec_words("mpeg4", "Simple Profile") == "MPEG-4 Simple"
    assert codec_words("pcm_s24le", None) == "PCM"


@pytest.mark.parametrize("shape", [(16, 9), (9, 16), (4, 3), (10000, 10), (10, 10000), (1, 1), (320, 180)])
@pytest.mark.parametrize("columns", range(1, MOST_COLUMNS + 1))
@pytest.mark.parametrize("rows", [1, 3, MOST_ROWS])
def test_a_sheet_is_one_that_telegram_takes(shape: tuple[int, int], columns: int, rows: int) -> None:
    """https://core.telegram.org/bots/api#sendphoto"""
    grid = grid_of(columns, rows, *shape)
    width, height = grid.size
    assert width == WIDTH
    assert width + height <= 10_000
    assert max(width, height) <= 20 * min(width, height)
    assert grid.width % 2 == grid.height % 2 == height % 2 == 0
    assert min(grid.width, grid.height) >= 60
    places = [grid.place(number) for number in range(columns * rows)]
    assert len(set(places)) == len(places)
    assert all(x >= 30 and x + grid.width <= WIDTH - 30 and y + grid.height <= height - 30 for x, y in places)


HOSTILE = "{\\an5\\p1}m 0 0\\N%{localtime}\n[Events]\nDialogue: 0,\x1b[31m\u202eevil{"


def test_names_from_strangers_are_nothing_but_text() -> None:
    """No brace or backslash of theirs is left, and no line is added."""
    grid = grid_of(2, 1, 16, 9)
    ours, theirs = (written(grid, name, ("1:00", "x"), ["0:01", "0:02"]) for name in ("film", HOSTILE))
    assert not re.search(r"[{}\\\n\x1b\u202e]", plain(HOSTILE))
    assert len(ours.splitlines()) == len(theirs.splitlines())
    marks = [re.findall(r"\{[^}]*\}|\\", text) for text in (ours, theirs)]
    assert marks[0] == marks[1]


def test_long_names_are_cut() -> None:
    assert fitting("short.mp4", 44) == "short.mp4"
    assert fitting("a" * 100, 44) == "a" * 44 + "…"
    assert len(fitting("W" * 100, 44)) < 44
    assert len(fitting("漢" * 100, 44)) < 28


def test_stamps_differ() -> None:
    assert _stamps([5.0, 65.0, 3700.0]) == ["0:05", "1:05", "1:01:40"]
    assert _stamps([0.25, 0.75]) == ["0:00.2", "0:00.7"]


def test_figures() -> None:
    assert [bits(rate) for rate in (800, 96_000, 1_640_000, 25_000_000)] == [
        "1 kb/s",
        "96 kb/s",
        "1.64 Mb/s",
        "25 Mb/s",
    ]
    assert [playing_time(at) for at in (0, 7.9, 83, 3723, 90_000)] == ["0:00", "0:07", "1:23", "1:02:03", "25:00:00"]


def box(kind: bytes, length: int, body: bytes = b"") -> bytes:
    return length.to_bytes(4, "big") + kind + body


def test_where_the_media_end() -> None:
    start = box(b"ftyp", 16, b"isom0000")
    assert media_end(start + box(b"mdat", 5000) + bytes(50)) == 5016
    assert media_end(start + box(b"free", 16, bytes(8)) + box(b"mdat", 1, (70_000).to_bytes(8, "big"))) == 70_032
    assert media_end(start + box(b"mdat", 0) + bytes(50)) is None
    assert media_end(start + box(b"moov", 100, bytes(92)) + box(b"mdat", 900) + bytes(9)) == 1016
    assert media_end(b"RIFF....AVI " + bytes(50)) is None
    assert index_end(start + box(b"moov", 100, bytes(92)) + box(b"mdat", 900) + bytes(9)) == 116
    assert index_end(start + box(b"mdat", 900) + bytes(9)) is None
