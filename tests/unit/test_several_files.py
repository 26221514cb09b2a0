"""What a job of several files is made of: images and their kinds, albums, links of messages."""

import struct
from dataclasses import replace

import pytest

from medusa.commands.editing import together
from medusa.errors import Broken, UserError
from medusa.model import Order, Place
from medusa.posting import complete, groups
from medusa.sources.galleries import _read
from medusa.sources.telegram import link_of, link_to, place_in
from medusa.steps.image import Image, _is_photo, image_in
from medusa.storage.outbox import Entry, Look
from tests.pictures import GIF, PAGE, png

VP8X = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0" + bytes([2, 0, 0, 0]) + b"\x3f\0\0" + b"\x1f\0\0"
JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc2\x00\x11\x08" + struct.pack(">HH", 32, 64) + b"\x03"


@pytest.mark.parametrize(
    ("head", "image"),
    [
        (png(1, 64, 32), Image("image/png", 64, 32)),
        (GIF, Image("image/gif", 1, 1, moves=True)),
        (JPEG, Image("image/jpeg", 64, 32)),
        (VP8X, Image("image/webp", 64, 32, moves=True)),
        (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 63 | 31 << 14), Image("image/webp", 64, 32)),
        (b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + struct.pack("<HH", 64, 32), Image("image/webp", 64, 32)),
        (b"RIFF\0\0\0\0WEBPVP8L", None),
        (png(1)[:18], None),
        (JPEG[:14], None),
        (b"\xff\xd8\xff", None),
        (PAGE, None),
        (b"", None),
    ],
)
def test_images_are_known_by_their_first_bytes(head: bytes, image: Image | None) -> None:
    assert image_in(head) == image


@pytest.mark.parametrize(
    ("width", "height", "photo"),
    [(1, 1, True), (5000, 5000, True), (5000, 5001, False), (2000, 100, True), (2001, 100, False), (0, 1, False)],
)
def test_photos_keep_telegrams_measures(width: int, height: int, photo: bool) -> None:
    assert _is_photo(Image("image/jpeg", width, height)) is photo


@pytest.mark.parametrize(
    ("link", "place"),
    [
        ("https://t.me/durov/123", Place("durov", 123)),
        ("http://www.telegram.me/durov/123/", Place("durov", 123)),
        ("https://t.me/s/durov/123?single", Place("durov", 123, alone=True)),
        ("https://t.me/forum/7/123?single=", Place("forum", 123, alone=True)),
        ("https://t.me/c/1234567890/5", Place(-1001234567890, 5)),
        ("https://t.me/c/1234567890/2/5?thread=2", Place(-1001234567890, 5)),
        ("tg://resolve?domain=durov&post=123&single", Place("durov", 123, alone=True)),
        ("tg://privatepost?channel=1234567890&post=5", Place(-1001234567890, 5)),
        ("tg://openmessage?user_id=7&message_id=5", Place(7, 5)),
        ("tg://openmessage?user_id=7&message_id=12,15,12,9&single", Place(7, 12, True, (15, 9))),
        ("https://t.me/c/123/5,6,9", Place(-1000000000123, 5, further=(6, 9))),
        ("https://t.me/durov/7/5,6", Place("durov", 5, further=(6,))),
        ("https://t.me/durov/5,", None),
        ("tg://openmessage?user_id=7&message_id=5,,6", None),
        ("tg://resolve?domain=durov", None),
        ("tg://privatepost?channel=x&post=5", None),
        ("https://t.me/durov", None),
        ("https://t.me/+abcdef", None),
        ("https://t.me/durov/12345678901", None),
        ("https://t.me/addstickers/Animals", None),
    ],
)
def test_links_name_messages(link: str, place: Place | None) -> None:
    assert place_in(link) == place


@pytest.mark.parametrize(
    "place", [Place(7, 5, True, (6, 2)), Place(-1000000000123, 5, further=(6,)), Place("durov", 5)]
)
def test_links_to_several_messages_lead_back(place: Place) -> None:
    assert place_in(link_of(place)) == place


def test_a_link_names_at_most_fifty_messages() -> None:
    place = place_in(link_to(7, *range(1, 51)))
    assert place
    assert place.message_ids == tuple(range(1, 51))
    with pytest.raises(UserError, match="51 messages; name at most 50"):
        place_in(link_to(7, *range(1, 52)))


@pytest.mark.parametrize(
    ("links", "whole"),
    [
        (["http://a.example/x"], "http://a.example/x"),
        ([link_to(7, 5), link_to(7, 9)], link_to(7, 5, 9)),
        ([link_to(7, 5, 6, alone=True), link_to(7, 9, 5, alone=True)], link_to(7, 5, 6, 9, alone=True)),
        (["https://t.me/durov/5", "https://t.me/durov/6?single"], "https://t.me/durov/5,6"),
    ],
)
def test_what_stands_in_one_chat_becomes_one_link(links: list[str], whole: str) -> None:
    assert together(links) == whole


@pytest.mark.parametrize("other", ["http://a.example/x", link_to(8, 5), "https://t.me/durov"])
def test_what_stands_apart_becomes_no_link(other: str) -> None:
    with pytest.raises(UserError, match="has to stand in one chat"):
        together([link_to(7, 5), other])


def test_links_to_messages_lead_back() -> None:
    assert [place_in(link_to(chat, 5)) for chat in (7, -1001234567890)] == [Place(7, 5), Place(-1001234567890, 5)]
    with pytest.raises(UserError, match="comments"):
        place_in("https://t.me/durov/123?comment=5")


def entries(*looks: Look) -> list[Entry]:
    return [Entry(1, seq, 2, seq + 10, "media", look=look) for seq, look in enumerate(looks)]


def test_albums_hold_at_most_ten_of_a_kind() -> None:
    photo: Look = "photo"
    mixed = entries("photo", "video", "", "", "file", "audio", "audio", *[photo] * 21)
    mixed.append(Entry(1, 1000, 2, 9, "text"))
    assert [len(group) for group in groups(mixed)] == [2, 1, 1, 1, 2, 10, 10, 1, 1]


def test_entries_are_complete_once_the_first_is_there() -> None:
    all_of_them = entries("photo", "photo")
    assert [complete(some) for some in ([], all_of_them[1:], all_of_them)] == [False, False, True]
    assert not replace(all_of_them[0]).done


def test_orders_know_their_host_behind_the_kind_of_site() -> None:
    order = Order("mastodon:https://www.social.example.com:8443/@me/1")
    assert (order.url, order.host) == ("https://www.social.example.com:8443/@me/1", "social.example.com")
    assert Order("https://a.example/mastodon:https://b.example").host == "a.example"


@pytest.mark.parametrize(
    ("answer", "files", "further", "error"),
    [
        (b"", 0, 0, ""),
        (b'[[2, {"title": "x"}], [3, "https://a/1.png", {}], [3, "ytdl:https://a/2", {}], [3, 7, {}]]', 1, 0, ""),
        (b'[[6, "https://a/1", {}], [6, "https://a/2", {}]]', 0, 2, ""),
        (b'[[-1, {"error": "HttpError", "message": "404 Not Found"}]]', 0, 0, "HttpError: 404 Not Found"),
    ],
)
def test_listings_are_read(answer: bytes, files: int, further: int, error: str) -> None:
    listing, complaint = _read(answer)
    assert (listing.files, len(listing.further), complaint) == (files, further, error)


@pytest.mark.parametrize("answer", [b"{", b"7", b"[7]", b"[[]]", b'[[3, "https://a/1.png", 7]]', b'[[-1, "x"]]'])
def test_listings_of_another_shape_are_refused(answer: bytes) -> None:
    with pytest.raises(Broken):
        _read(answer)
