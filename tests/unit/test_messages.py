"""Texts and attributes on their way to Telegram."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.tl import types

from medusa.commands.router import pages
from medusa.model import LocalFile, Media
from medusa.telegram.messages import attributes, cut, inert, split, units


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("😀😀", 4, "😀😀"),
        ("😀😀", 3, "😀…"),
        ("a😀b", 3, "a…"),
    ],
)
def test_cut_counts_utf16_units(text: str, limit: int, kept: str) -> None:
    assert cut(text, limit) == kept
    assert units(kept) <= limit


@given(st.text(), st.integers(1, 50))
def test_cut_never_exceeds_and_never_splits_a_character(text: str, limit: int) -> None:
    kept = cut(text.encode("utf-8", "ignore").decode(), limit)
    assert units(kept) <= limit
    kept.encode("utf-16-le")


@pytest.mark.parametrize("text", ["/cancel all", ".cancel all", "!x", " /x", "https://a.b", "HTTP://a.b", "+x", "#x"])
def test_foreign_text_never_reads_as_a_command(text: str) -> None:
    assert inert(text) == "\u2060" + text


@pytest.mark.parametrize("text", ["A title", "7 things", "Über", "看", "✓ done", ""])
def test_plain_titles_stay_as_they_are(text: str) -> None:
    assert inert(text) == text


@given(st.text(), st.integers(2, 20))
def test_split_loses_nothing_and_exceeds_nothing(text: str, limit: int) -> None:
    text = text.encode("utf-8", "ignore").decode()
    pieces = split(text, limit)
    assert "".join(pieces) == text
    assert all(units(piece) <= limit for piece in pieces)


def test_pages_break_between_lines() -> None:
    assert pages("aa\nbb\ncc", 6) == ["aa\nbb", "cc"]
    assert pages("one", 100) == ["one"]


VIDEO = Media("mov,mp4", 3.5, 640, 360, video_codec="h264", audio_codec="aac", streamable=True)


def local(media: Media | None) -> LocalFile:
    return LocalFile(Path("x"), "x.mp4", "video/mp4", media, title="T")


def test_a_video_says_how_it_looks() -> None:
    name, video = attributes(local(VIDEO), as_document=False)
    assert name.file_name == "x.mp4"
    assert isinstance(video, types.DocumentAttributeVideo)
    assert (video.duration, video.w, video.h, video.supports_streaming, video.nosound) == (3.5, 640, 360, True, False)


def test_a_song_says_who_sings() -> None:
    song = Media("mp3", 61.4, audio_codec="mp3", title="Song", performer="Singer")
    audio = attributes(local(song), as_document=False)[1]
    assert isinstance(audio, types.DocumentAttributeAudio)
    assert (audio.duration, audio.title, audio.performer) == (61, "Song", "Singer")


@pytest.mark.parametrize("media", [None, VIDEO])
def test_a_document_says_only_its_name(media: Media | None) -> None:
    assert len(attributes(local(media), as_document=True)) == 1
