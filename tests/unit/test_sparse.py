"""Nouns are kept without what is the rule, and what older versions have kept whole is still read."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from medusa.model import LocalFile, Media, Order
from medusa.storage.sparse import differing, files_of, files_text, media_of, media_text

PLAIN = Media("mp3")
RICH = Media(
    "matroska,webm",
    12.5,
    1920,
    1080,
    video_codec="hevc",
    profile="Main 10",
    frame_rate=23.98,
    pixels="yuv420p10le",
    hdr="HDR10",
    subtitles=("eng", "und"),
    chapters=3,
)
FILES = (
    LocalFile(Path("/work/1/download.mkv"), "film.mkv", "video/x-matroska", RICH, Path("/work/1/thumb.jpg"), size=7),
    LocalFile(Path("/work/1/notes"), "notes", "text/plain"),
)


@pytest.mark.parametrize("media", [PLAIN, RICH])
def test_media_come_back(media: Media) -> None:
    assert media_of(json.loads(media_text(media))) == media


def test_files_come_back() -> None:
    assert files_of(files_text(FILES)) == FILES
    assert files_of("[]") == ()


def test_what_is_the_rule_is_not_written() -> None:
    assert json.loads(media_text(PLAIN)) == {"container": "mp3"}
    assert json.loads(files_text(FILES[1:])) == [{"path": "/work/1/notes", "name": "notes", "mime": "text/plain"}]
    assert differing(Order("https://x/", edits={"trim": "1-2"})) == {"link": "https://x/", "edits": {"trim": "1-2"}}
    assert differing(Order("https://x/", edits={})) == {"link": "https://x/"}


def test_what_was_kept_whole_is_read() -> None:
    """As rows were written before there was so much to tell of media."""
    new = ("profile", "frame_rate", "pixels", "hdr", "channels", "sample_rate", "bit_rate", "subtitles", "chapters")
    whole = [asdict(file) for file in FILES]
    whole[0]["media"] = {key: value for key, value in whole[0]["media"].items() if key not in new}
    [video, notes] = files_of(json.dumps(whole, default=str))
    assert video.media == Media("matroska,webm", 12.5, 1920, 1080, video_codec="hevc")
    assert notes == FILES[1]
