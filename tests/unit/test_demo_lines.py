"""The demo's script lines are read strictly, and refused with the number of the line."""

from pathlib import Path

import pytest

from medusa.demo.lines import Line, read_lines, with_samples
from medusa.errors import UserError


def test_lines_are_read_and_comments_passed_over() -> None:
    raw = [
        '{"text": "/dl x", "wait": "jobs"}',
        "",
        "# a comment",
        '{"file": "list.txt", "reply_to": "last_file", "chat": "News", "as": "Ann", "wait": 1.5}',
        '{"text": "1", "reply_to": 7}',
    ]
    assert read_lines(raw) == [
        Line(text="/dl x", wait="jobs"),
        Line(file=Path("list.txt"), reply_to="last_file", chat="News", sender="Ann", wait=1.5),
        Line(text="1", reply_to=7),
    ]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("no json", "Line 2 of the script"),
        ("[1]", "no JSON object"),
        ('{"txt": "a"}', "“txt” is not known"),
        ("{}", "neither text nor file"),
        ('{"text": 5}', "“text” must be a text"),
        ('{"text": "a", "reply_to": "first"}', "“reply_to” must be"),
        ('{"text": "a", "reply_to": -1}', "“reply_to” must be"),
        ('{"text": "a", "wait": "soon"}', "“wait” must be"),
        ('{"text": "a", "wait": -1}', "“wait” must be"),
        ('{"text": "a", "file": 5}', "Line 2"),
    ],
)
def test_wrong_lines_are_named(raw: str, words: str) -> None:
    with pytest.raises(UserError) as refused:
        read_lines(['{"text": "fine"}', raw])
    assert words in refused.value.user_text
    assert "Line 2" in refused.value.user_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/dl sample:clip.mp4", "/dl http://h:1/clip.mp4"),
        ("sample:/hls/index.m3u8 sample:dead", "http://h:1/hls/index.m3u8 http://h:1/dead"),
        ("/dl https://example.com/sample:x", "/dl https://example.com/sample:x"),
        ("/dl -n sample: x", "/dl -n sample: x"),
        ("/batch\nOne:sample:a.mp4\nTwo|sample:b", "/batch\nOne:http://h:1/a.mp4\nTwo|http://h:1/b"),
    ],
)
def test_sample_links_become_addresses(text: str, expected: str) -> None:
    assert with_samples(text, "http://h:1") == expected
