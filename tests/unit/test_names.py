"""Hostile titles become safe file names and safe lines."""

import random
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.extensions import html

from medusa.model import Job, JobState, Order
from medusa.names import display_name, safe_file_name
from medusa.words import choice_line, job_line

_NASTY = [
    *'/\\:*?"<>|. \t\r\n\0\x7f\x85',
    *("..", "../", "CON", "nul", "COM¹", ".mp4", "\u202e", "\u2066", "\ufeff", "\u200b", "\ud800", "\ue000"),
    *("<b>", "</b>", "&lt;", "&", "<a href='x'>", "{}", "{0.x}", "%s", "](http://x)", "`", "**", "\u0301" * 40),
    *("e\u0301", "\u0301", "👩\u200d👩\u200d👧", "👍🏽", "\u05e9\u05dc", "ＣＯＭ", "\u2028", "\u3164", "\u212a"),
]
TITLES = st.lists(
    st.one_of(st.sampled_from(_NASTY), st.text(max_size=20), st.text(min_size=60, max_size=90)), max_size=12
).map("".join)
EXTENSIONS = st.none() | st.sampled_from(["mp4", ".mp4", "", "../x", "tar.gz", "MP4"]) | st.text(max_size=12)


def _is_safe(name: str) -> bool:
    stem = name.partition(".")[0].strip().upper()
    return (
        0 < len(name.encode()) <= 240
        and not set(name) & set('/\\:*?"<>|')
        and not {unicodedata.category(char) for char in name} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        and name.strip(" .") == name
        and stem
        not in {"CON", "PRN", "AUX", "NUL", *(f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³")}
        and unicodedata.is_normalized("NFC", name)
    )


@settings(max_examples=300, deadline=None)
@given(TITLES, EXTENSIONS)
def test_any_title_becomes_a_safe_name(title: str, extension: str | None) -> None:
    name = safe_file_name(title, extension=extension)
    assert _is_safe(name), ascii(name)
    assert safe_file_name(name) == name


def test_ten_thousand_hostile_titles() -> None:
    dice = random.Random(7)
    for _ in range(10_000):
        pieces = [
            dice.choice([*_NASTY, chr(dice.randrange(0x110000)) * dice.randrange(1, 90)])
            for _ in range(dice.randrange(9))
        ]
        name = safe_file_name("".join(pieces), extension=dice.choice([None, "mp4"]))
        assert _is_safe(name), ascii(pieces)
        assert safe_file_name(name) == name


@settings(max_examples=200, deadline=None)
@given(TITLES, EXTENSIONS)
def test_whatever_is_added_to_a_name_it_stays_a_file_of_the_folder(title: str, extension: str | None) -> None:
    folder = Path("/work/7")
    name = safe_file_name(title, extension=extension)
    for made in (f"download{Path(name).suffix}", f"{name}.part", f"{name}.json.new"):
        assert len(made.encode()) <= 255
        assert (folder / made).parent == folder
        assert (folder / made).name == made


@settings(max_examples=100, deadline=None)
@given(TITLES, TITLES)
def test_no_text_breaks_the_markup_around_it(title: str, reason: str) -> None:
    """What Telegram is sent is what was meant: the number is bold, and nothing else is anything."""
    for state in JobState:
        job = Job(7, state, Order("https://a.b/"), 1, 1, 0.0, title=display_name(title), reason=display_name(reason))
        for line in (job_line(job, 0.0), choice_line(job)):
            text, entities = html.parse(line)
            assert [type(entity).__name__ for entity in entities] == ["MessageEntityBold"]
            assert text[entities[0].offset : entities[0].offset + entities[0].length] == "#7"
        assert len(job.title) > 80 or job.title in text


@settings(max_examples=200, deadline=None)
@given(TITLES)
def test_any_text_becomes_one_harmless_line(text: str) -> None:
    line = display_name(text)
    assert len(line) <= 200
    assert not {unicodedata.category(char) for char in line.replace("\u200c", "").replace("\u200d", "")} & {
        "Cc",
        "Cf",
        "Cs",
    }
    assert line == " ".join(line.split())
    assert display_name(line) == line


@pytest.mark.parametrize(
    ("raw", "extension", "name"),
    [
        ("Talk 1: “Ünïcode”", "mp4", "Talk 1_ “Ünïcode”.mp4"),
        ("clip.MP4", ".mp4", "clip.mp4"),
        ("v1.2 Finale", "mkv", "v1.2 Finale.mkv"),
        ("../../etc/passwd", None, "_.._etc_passwd"),
        ("abc\u202egpj.exe", None, "abcgpj.exe"),
        ("CON", None, "CON_"),
        ("nul.tar.gz", None, "nul_.tar.gz"),
        ("...", "mp4", "file.mp4"),
        ("  a\t\nb  ", None, "a b"),
        ("e\u0301", None, "é"),
        (".hidden", None, "hidden"),
    ],
)
def test_known_titles(raw: str, extension: str | None, name: str) -> None:
    assert safe_file_name(raw, extension=extension) == name


def test_a_long_name_is_cut_between_characters_and_keeps_its_extension() -> None:
    name = safe_file_name("ж" * 400 + ".webm")
    assert name == "ж" * 116 + ".webm"
    marked = safe_file_name("a" * 237 + "n\u0331\u0332")
    assert marked == "a" * 237


def test_nothing_left_takes_the_fallback() -> None:
    assert safe_file_name("\u200b ..", fallback="video") == "video"


def test_display_name_says_that_it_was_cut() -> None:
    assert display_name("x" * 300) == "x" * 199 + "…"
    assert display_name("a\u202eb\nc\u200dd") == "ab c\u200dd"


def test_a_title_of_100_mb_is_cut_before_it_is_worked_on() -> None:
    """Were all of it looked at, this would take minutes."""
    for title in ("x" * 100_000_000 + ".mp4", "\u200b" * 50_000_000 + ".mp4", "e\u0301" * 25_000_000 + ".mp4"):
        assert _is_safe(safe_file_name(title))
        assert safe_file_name(title).endswith("mp4")
        assert len(display_name(title)) <= 200


def test_heaps_of_marks_are_taken_off() -> None:
    line = display_name("Q" + "\u0301\u0302" * 50 + "a")
    assert line == "Q\u0301\u0302\u0301\u0302a"
    for word in ("שָׁלוֹם", "Việt Nam", "สวัสดี", "བོད་སྐད་"):
        assert display_name(word) == unicodedata.normalize("NFC", word)
