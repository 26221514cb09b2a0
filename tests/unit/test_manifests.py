"""No manifest, however it repeats or garbles itself, takes more time or memory than its size is worth."""

from pathlib import Path

import pytest

from medusa.errors import UserError
from medusa.sources.streams import dash, hls, subtitles

BASE = "https://a.example/x/"
REPEATED = """<MPD type="static" mediaPresentationDuration="{length}"><Period>
<AdaptationSet contentType="video" lang="{lang}">
<SegmentTemplate media="{media}"{more}>{timeline}</SegmentTemplate>{offers}</AdaptationSet></Period></MPD>"""


def mpd(timeline: str = "", *, length: str = "PT10S", media: str = "$Number$", lang: str = "", more: str = "") -> str:
    offers = "".join(f'<Representation id="{number}"/>' for number in range(8))
    timeline = timeline and f"<SegmentTimeline>{timeline}</SegmentTimeline>"
    return REPEATED.format(length=length, media=media, lang=lang, more=more, timeline=timeline, offers=offers)


@pytest.mark.parametrize(
    "text",
    [
        mpd('<S t="1000000000000" d="1" r="-1"/><S t="0" d="1" r="150000"/>'),
        mpd('<S d="1" r="9000"/>'),
        mpd('<S d="1" r="9999"/>', media="x" * 10_000 + "$Number$"),
    ],
    ids=["a negative repeat", "many tracks", "long addresses"],
)
def test_a_description_that_repeats_itself(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("medusa.sources.streams.parts._MOST_TOGETHER", 50_000)
    with pytest.raises(UserError, match="pieces"):
        dash.read(text, BASE)


def test_a_description_of_endless_length() -> None:
    with pytest.raises(UserError, match="how long it is"):
        dash.read(mpd(length=f"PT{'9' * 400}S", more=' duration="1"'), BASE)


def test_what_is_no_language_is_none() -> None:
    offers = dash.read(mpd('<S d="1"/>', lang="d" * 200_000), BASE) or []
    offers += hls.read_master(f'#EXT-X-MEDIA:TYPE=AUDIO,LANGUAGE="{"e" * 200_000}",URI="a.m3u8"\n', BASE)
    assert {offer.language for offer in offers} == {""}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("#EXT-X-DISCONTINUITY\na.ts\n", "begins anew more than 1,000 times"),
        ('#EXT-X-KEY:METHOD=SAMPLE-AES,KEYFORMAT="{}"\n', "too many keys"),
    ],
)
def test_a_playlist_that_begins_anew_for_ever(line: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        hls.read_media("#EXTM3U\n" + "".join(line.replace("{}", str(number)) for number in range(2000)), BASE)


def test_a_playlist_of_countless_versions() -> None:
    with pytest.raises(UserError, match="more than 300 versions"):
        hls.read_master("#EXTM3U\n" + "#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n" * 400, BASE)


def test_long_lines_take_no_longer_than_short_ones(tmp_path: Path) -> None:
    """With time that grows with the square, each of these would take days."""
    for line in ("A" * 8_000_000, "A-" * 4_000_000, 'A="' * 2_000_001):
        assert hls.read_master(f"#EXTM3U\n#EXT-X-STREAM-INF:{line}\na.m3u8\n", BASE)
    cues = tmp_path / "cues"
    cues.write_text("WEBVTT\n" + "X-TIMESTAMP-MAP=" * 500_000 + "\n" + "1" * 8_000_000 + "\n")
    assert not subtitles.join(cues, tmp_path / "made.vtt")


def test_times_beyond_all_time(tmp_path: Path) -> None:
    cues = tmp_path / "cues"
    cues.write_text(f"WEBVTT\n\n{'9' * 400}:00:00.000 --> {'9' * 400}:00:01.000\nx\n")
    assert not subtitles.join(cues, tmp_path / "made.vtt")
