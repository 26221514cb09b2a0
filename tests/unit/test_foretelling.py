"""What is said of the steps before anything is fetched."""

from dataclasses import replace
from pathlib import Path

import pytest

from medusa.errors import UserError
from medusa.model import LocalFile, Media, Order
from medusa.steps import pace
from medusa.steps.draft import Draft, Track
from medusa.steps.foretelling import UNKNOWN, foretell

SEEN = Media("", 60.0, 640, 360, video_codec=UNKNOWN)
"""What Telegram says of a video."""
KNOWN = Media("matroska,webm", 60.0, 640, 360, video_codec="h264", audio_codec="aac")


def file(media: Media | None, name: str = "film.mp4", mime: str = "video/mp4") -> LocalFile:
    return LocalFile(Path("nowhere"), name, mime, media)


def order(**edits: str) -> Order:
    return Order("http://x/", edits=edits)


@pytest.mark.parametrize(
    ("media", "mime", "edits", "chain"),
    [
        (KNOWN, "", {}, ["probe", "MP4", "thumbnail"]),
        (replace(KNOWN, streamable=True), "", {}, ["probe", "thumbnail"]),
        (SEEN, "", {}, ["probe", "MP4 if needed", "thumbnail"]),
        (None, "", {}, ["probe", "MP4 if needed", "thumbnail if needed"]),
        (None, "application/pdf", {}, ["probe"]),
        (Media("", 60.0, audio_codec=UNKNOWN), "", {}, ["probe", "thumbnail"]),
    ],
)
def test_steps_are_told_beforehand(media: Media | None, mime: str, edits: dict[str, str], chain: list[str]) -> None:
    assert foretell((file(media, mime=mime),), order(**edits)) == chain


def test_what_the_owner_wants_is_told_with_its_value() -> None:
    probe, trim, *rest = foretell((file(SEEN),), order(trim="10-20"))
    assert probe == "probe"
    assert trim.startswith("trim")
    assert "10-20" in trim
    assert trim.endswith("(without encoding)")
    assert rest == ["thumbnail"]


def test_what_can_not_be_done_is_refused() -> None:
    with pytest.raises(UserError, match="over after 60"):
        foretell((file(SEEN),), order(trim="70-80"))


def test_several_files_that_become_one() -> None:
    chain = foretell((file(SEEN), file(SEEN)), order(merge="on", trim="70-80"))
    assert chain[1] == "merge (without encoding where they are alike)"
    assert any("70-80" in one for one in chain)


def test_the_time_is_told_once_it_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_measured", {})
    small = Draft(file(KNOWN), KNOWN, video=Track("h264"))
    sound = Draft(file(KNOWN), KNOWN, audio=Track("mp3"))
    assert pace.expected(small) is None
    pace.measured(small, 30.0)
    pace.measured(Draft(file(KNOWN), KNOWN), 1.0)
    large = replace(small, media=replace(KNOWN, width=1280, height=720, duration=120.0))
    assert pace.expected(large) == pytest.approx(240)
    assert pace.expected(sound) is None
    assert pace.expected(replace(small, media=replace(KNOWN, duration=None))) is None
    assert pace.expected(Draft(file(KNOWN), KNOWN)) is None
