"""Encoding is thrifty where memory is short, and refused where thrift would not do."""

import pytest

from medusa.errors import UserError
from medusa.steps.encoders import Encoder, thrifty

GIGABYTE = 1_000_000_000
ENCODER = Encoder("libx264", held=72, thrift=("-threads", "1"), held_then=18)


@pytest.mark.parametrize(
    ("size", "memory", "told"),
    [
        ((1920, 1080), GIGABYTE, ()),
        ((3840, 2160), 4 * GIGABYTE, ()),
        ((3840, 2160), GIGABYTE, ("-threads", "1")),
        ((640, 360), GIGABYTE // 2, ()),
    ],
)
def test_an_encoder_is_thrifty_where_memory_is_short(size: tuple[int, int], memory: int, told: tuple[str, ...]) -> None:
    assert thrifty(ENCODER, size, memory) == told


def test_what_would_exhaust_the_machine_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"Encoding 7680×4320 pixels with libx264 takes more memory .* scale them to 1080"
    ):
        thrifty(ENCODER, (7680, 4320), GIGABYTE)


def test_settings_replace_the_usual_quality() -> None:
    encoder = Encoder("libx264", ("-pix_fmt", "yuv420p"), quality=("-crf", "23"))
    assert encoder.arguments("v") == ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "23"]
    assert encoder.arguments("v", ("-b:v", "900k")) == ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-b:v", "900k"]
