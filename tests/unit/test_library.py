"""Orders that lead to the same file share a key; links to posts and captions read as Telegram's do."""

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from medusa import library
from medusa.captions import Facts
from medusa.library import caption, link_of, normalised, sha256_of, source_key
from medusa.model import Order
from medusa.storage.library import Post

LINK = "https://example.org/watch?v=1"
POST = Post(
    *(b"", LINK, False, None, 1, "film.mp4", "Film", "video/mp4", None, "", False, 1, 2, b"", -1001234567890, 7, 0.0, 1)
)


@pytest.mark.parametrize(
    ("link", "same"),
    [
        ("https://EXAMPLE.org:443/watch?v=1", LINK),
        ("HTTPS://example.org/watch?v=1&utm_source=a&UTM_Medium=b", LINK),
        ("https://example.org/watch?fbclid=x&v=1&gclid=y", LINK),
        ("http://example.org:80", "http://example.org/"),
        ("https://youtu.be/abc?si=share", "https://youtu.be/abc"),
        ("https://www.YouTube.com/watch?v=abc&si=share", "https://www.youtube.com/watch?v=abc"),
        ("https://[::1", "https://[::1"),
    ],
)
def test_what_does_not_change_where_a_link_leads_is_left_out(link: str, same: str) -> None:
    assert normalised(link) == same
    assert source_key(Order(link)) == source_key(Order(same))


@pytest.mark.parametrize(
    "link",
    [
        "https://example.org/Watch?v=1",
        "https://example.org/watch?v=1&si=share",
        "https://example.org/watch?v=1#part",
        "https://example.org/watch?v=1&",
        "http://example.org:443/watch?v=1",
        "https://Ann:Secret@example.org/watch?v=1",
        "https://example.org/watch?v=%31",
    ],
)
def test_all_else_stays(link: str) -> None:
    assert normalised(link) == link
    assert source_key(Order(link)) != source_key(Order(LINK))


def test_what_shapes_the_file_is_part_of_the_key_and_what_shapes_the_post_is_not() -> None:
    plain = Order(LINK)
    shaped = [replace(plain, quality="720"), replace(plain, name="film"), replace(plain, as_document=True)]
    assert len({source_key(order) for order in [plain, *shaped]}) == 4
    shown = [replace(plain, caption="a"), replace(plain, spoiler=True), replace(plain, silent=True)]
    assert {source_key(order) for order in shown} == {source_key(plain)}


def test_posts_in_channels_have_links() -> None:
    assert link_of(POST) == "https://t.me/c/1234567890/7"
    assert link_of(replace(POST, chat_id=5000001)) is None
    assert link_of(replace(POST, chat_id=-4000)) is None


def test_media_bear_their_title_where_the_owner_has_no_words() -> None:
    assert caption(Order(LINK), Facts("Film"), media=True) == "Film"
    assert caption(Order(LINK), Facts("notes.pdf"), media=False) == ""
    assert caption(Order(LINK, caption=""), Facts("Film"), media=True) == ""


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 3000])
async def test_a_file_is_hashed_stretch_by_stretch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(library, "_BLOCK", 100)
    monkeypatch.setattr(library, "_STRETCH", 1000)
    file = tmp_path / "file"
    file.write_bytes(bytes(number % 251 for number in range(size)))
    assert await asyncio.wait_for(sha256_of(file), 10) == hashlib.sha256(file.read_bytes()).digest()
