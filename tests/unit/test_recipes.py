"""What the owner may ask of pictures is read strictly: nothing but numbers and known words reaches ffmpeg."""

import pytest

from medusa.errors import UserError
from medusa.steps import all_wishes
from medusa.steps.recipes import BUILT_IN, read_recipe


@pytest.mark.parametrize(
    ("wish", "text", "kept"),
    [
        ("scale", "720p", "720"),
        ("scale", "1280×720", "1280x720"),
        ("crop", "9:16", "9:16"),
        ("crop", "2.39:1", "2.39:1"),
        ("crop", "640x360", "640:360"),
        ("crop", "640:360:0:20", "640:360:0:20"),
        ("rotate", "left", "270"),
        ("rotate", "-90", "270"),
        ("rotate", "90°", "90"),
        ("compress", "8M", "8000000"),
        ("compress", "1,5 GB", "1500000000"),
        ("compress", "050%", "50%"),
        ("remux", "on", "mp4"),
        ("remux", "MKV", "mkv"),
        ("convert", "720p", "720"),
        ("convert", "Phone", "phone"),
        ("convert", "-vcodec  libx264 -crf 28", "-c:v libx264 -crf 28"),
        ("convert", "-vf scale=-2:480,fps=30,hflip -an", None),
        ("convert", "-vf scale=-2:480,fps=30000/1001,hflip", "-vf scale=-2:480,fps=30000/1001,hflip"),
        ("gif", "on", "on"),
    ],
)
def test_what_is_meant_is_kept(wish: str, text: str, kept: str | None) -> None:
    read = all_wishes()[wish].read
    if kept is None:
        with pytest.raises(UserError):
            read(text)
    else:
        assert read(text) == kept
        assert read(kept) == kept


@pytest.mark.parametrize(
    ("wish", "text", "words"),
    [
        ("scale", "0", "sides have 16 to 8192 pixels"),
        ("scale", "100000", "sides have 16 to 8192 pixels"),
        ("scale", "720;rm", "is no size"),
        ("scale", "iw*2", "is no size"),
        ("crop", "0:0", "would leave nothing"),
        ("crop", "640:1", "at least 16 pixels"),
        ("crop", "640.5:360", "whole numbers"),
        ("crop", "9:16:1:1", "kept around the middle"),
        ("crop", "9:16,movie=/etc/passwd", "does not say what to keep"),
        ("rotate", "45", "is no turn"),
        ("compress", "0", "Nothing fits into 0 bytes"),
        ("compress", "150%", "no share that makes anything smaller"),
        ("compress", "huge", "is no size"),
        ("remux", "avi", "it is mp4 or mkv"),
        ("gif", "please", "Nothing stands behind it"),
        ("convert", "", "By which recipe? There are phone, 720, 480, small, hevc, mkv, mp4."),
        ("convert", "fone", "Did you mean phone?"),
        ("convert", "divx9", "There are phone, 720"),
        ("convert", "-i /etc/passwd", "“-i” may not stand in a recipe"),
        ("convert", "-filter_complex movie=/etc/passwd", "“-filter_complex” may not stand in a recipe"),
        ("convert", "-c:v h264 ;rm -rf", "“;rm” may not stand in a recipe"),
        ("convert", "-c:v h264 -crf", "-crf does not take “”"),
        ("convert", "-c:v rawvideo", "-c:v does not take “rawvideo”"),
        ("convert", "-crf 28 -crf 30", "-crf stands twice"),
        ("convert", "-vf movie=/etc/passwd", "The filter “movie” may not stand in a recipe"),
        ("convert", "-vf scale=-2:480,drawtext=textfile=/etc/passwd", "The filter “drawtext” may not"),
        ("convert", "-vf scale=iw:ih", "The filter scale does not take “iw:ih”"),
        ("convert", "-vf scale=-2:480;[0:v]hflip", "The filter scale does not take"),
        ("convert", "-vf hflip=1", "The filter hflip does not take “1”"),
        ("convert", "-vf fps=0", "The filter fps does not take “0”"),
        ("convert", "-vf -y", "The filter “-y” may not stand in a recipe"),
        ("convert", "-f tee", "-f does not take “tee”"),
        ("convert", "-preset $(id)", "-preset does not take “$(id)”"),
        ("convert", "-crf 28 " * 31, "at most 60 words"),
    ],
)
def test_what_is_not_meant_is_refused_in_words(wish: str, text: str, words: str) -> None:
    with pytest.raises(UserError) as refused:
        all_wishes()[wish].read(text)
    assert words in refused.value.user_text
    assert "\n" not in refused.value.user_text


def test_built_in_recipes_are_read_by_their_names() -> None:
    assert all(read_recipe(name) == name for name in BUILT_IN)
