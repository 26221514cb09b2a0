"""What ffmpeg says of media of many kinds, word for word, and what is read out of that."""

import re
from pathlib import Path
from typing import Any

import pytest

from medusa.model import Media
from medusa.steps.ffmpeg import parse
from medusa.steps.tracks import tracks_in

_HEARD = Path(__file__).with_name("ffmpeg_words.txt").read_text(encoding="utf-8")
WORDS = dict(re.findall(r"^== (\w+)\n(.*?)(?=^== |\Z)", _HEARD, re.MULTILINE | re.DOTALL))
"""By sample and version of ffmpeg: what it was heard to say."""
# Of a phone's recording (profile 8.4): the side data stand below the track that has them.
DOLBY = """Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/x':
  Duration: 00:00:02.00, start: 0.000000, bitrate: N/A
  Stream #0:0[0x1](und): Video: hevc (Main 10) (hvc1 / 0x31637668), yuv420p10le(tv, bt2020nc/bt2020/arib-std-b67), \
1920x1080, 14045 kb/s, 59.94 fps, 59.94 tbr, 600 tbn (default)
    Metadata:
      handler_name    : Core Media Video
    Side data:
      DOVI configuration record: version: 1.0, profile: 8, level: 5, rpu flag: 1, el flag: 0, bl flag: 1, \
compatibility id: 4
      displaymatrix: rotation of -90.00 degrees
  Stream #0:1[0x2](und): Audio: aac (LC) (mp4a / 0x6134706D), 48000 Hz, stereo, fltp, 191 kb/s (default)
"""
# The title of the first track imitates a track, the second is a cover, the third cannot be decoded.
FORGED = """Input #0, matroska,webm, from 'file:/x':
  Metadata:
    title           :   Stream #0:0: Video: hevc (Main 10), yuv420p10le(tv, bt2020nc/bt2020/smpte2084), 9x9
  Duration: N/A, start: 0.000000, bitrate: N/A
  Stream #0:0(abcdefghi): Audio: pcm_s16le ([1][0][0][0] / 0x0001), 0 channels
    Metadata:
      title           : one
                      :   Chapter #0:0: start 0.000000, end 1.000000
                      : DOVI configuration record
  Stream #0:1: Video: mjpeg (Baseline), yuvj420p(pc, bt470bg/unknown/unknown), 600x600, 90k tbr (attached pic)
  Stream #0:2: Video: none (xxxx / 0x78787878), none, 16x16, 1 kb/s, 1k fps, 90k tbr
"""

_HDR: dict[str, Any] = {
    "container": "matroska,webm", "duration": 2.01, "width": 320, "height": 180, "video_codec": "hevc",
    "audio_codec": "eac3", "profile": "Main 10", "frame_rate": 23.98, "pixels": "yuv420p10le", "hdr": "HDR10",
    "channels": "mono", "sample_rate": 44100, "bit_rate": 393000, "subtitles": ("eng", "por"), "chapters": 2,
    "subtitle_codecs": "ass ass",
}  # fmt: skip
_TEN: dict[str, Any] = {
    "container": "mov,mp4,m4a,3gp,3g2,mj2", "duration": 2.0, "width": 320, "height": 180, "video_codec": "h264",
    "audio_codec": "aac", "profile": "High 10", "frame_rate": 23.98, "pixels": "yuv420p10le", "channels": "5.1",
    "sample_rate": 44100, "bit_rate": 763000,
}  # fmt: skip


@pytest.mark.parametrize("text", [WORDS["hdr_mkv_9"], WORDS["hdr_mkv_5"]])
def test_all_that_is_told_of_a_film(text: str) -> None:
    media = parse(text)
    assert media == Media(**_HDR)
    assert media.depth == 10


@pytest.mark.parametrize("text", [WORDS["ten_mp4_9"], WORDS["ten_mp4_5"]])
def test_all_that_is_told_of_a_video(text: str) -> None:
    assert parse(text) == Media(**_TEN)


_FACTS: list[tuple[str, dict[str, Any]]] = [
    (WORDS["hlg_mp4_9"], {"hdr": "HLG", "profile": "Main 10", "depth": 10, "video_codec": "hevc"}),
    (WORDS["hlg_mp4_5"], {"hdr": "HLG", "profile": "Main 10", "depth": 10, "video_codec": "hevc"}),
    (WORDS["av1_webm_9"], {"video_codec": "av1", "profile": "Main", "audio_codec": "opus", "depth": 8, "hdr": ""}),
    (WORDS["av1_webm_5"], {"video_codec": "av1", "profile": "Main", "audio_codec": "opus", "depth": 8, "hdr": ""}),
    (WORDS["sub_mp4_9"], {"subtitles": ("eng",), "profile": "High", "pixels": "yuv420p"}),
    (WORDS["sub_mp4_5"], {"subtitles": ("eng",), "profile": "High", "pixels": "yuv420p"}),
    (
        WORDS["old_avi_9"],
        {"video_codec": "mpeg4", "profile": "Simple Profile", "audio_codec": "mp3", "sample_rate": 44100},
    ),
    (
        WORDS["old_avi_5"],
        {"video_codec": "mpeg4", "profile": "Simple Profile", "audio_codec": "mp3", "sample_rate": 44100},
    ),
    (WORDS["f444_mkv"], {"profile": "High 4:4:4 Predictive", "pixels": "yuv444p", "audio_codec": "flac", "depth": 8}),
    (
        WORDS["song_flac"],
        {"video_codec": None, "audio_codec": "flac", "channels": "mono", "bit_rate": 156000, "pixels": None},
    ),
    (DOLBY, {"hdr": "Dolby Vision", "rotation": 90, "width": 1080, "frame_rate": 59.94, "bit_rate": None}),
    (FORGED, {"video_codec": "none", "frame_rate": 1000.0, "hdr": "", "chapters": 0, "duration": None}),
]


@pytest.mark.parametrize(("text", "facts"), _FACTS)
def test_what_sets_media_apart(text: str, facts: dict[str, Any]) -> None:
    media = parse(text)
    assert {name: getattr(media, name) for name in facts} == facts


def test_each_track_tells_of_itself() -> None:
    for text in (WORDS["hdr_mkv_9"], WORDS["hdr_mkv_5"]):
        tracks = tracks_in(text)
        assert [(one.kind, one.codec, one.language) for one in tracks] == [
            ("Video", "hevc", "und"),
            ("Audio", "eac3", "eng"),
            ("Audio", "opus", "deu"),
            ("Subtitle", "ass", "eng"),
            ("Subtitle", "ass", "por"),
        ]
        assert (tracks[1].bit_rate, tracks[2].bit_rate, tracks[2].sample_rate) == (95000, None, 48000)
    cover = tracks_in(FORGED)[-2]
    assert (cover.is_cover, cover.pixels) == (True, "yuvj420p")


@pytest.mark.parametrize(
    ("pixels", "depth"),
    [
        (None, 8), ("yuv420p", 8), ("nv12", 8), ("yuv420p10le", 10), ("yuv422p12be", 12), ("p010le", 10),
        ("y210le", 10), ("gray10le", 10), ("gbrp16le", 16), ("rgb565le", 8), ("yuv444p9le", 9),
    ],
)  # fmt: skip
def test_the_bits_of_a_colour(pixels: str | None, depth: int) -> None:
    assert Media("x", pixels=pixels).depth == depth
