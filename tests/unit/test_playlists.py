"""Which items of a playlist are meant, and what may be said of formats and subtitles."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from medusa.batches.items import for_item
from medusa.commands.dl import COMMAND
from medusa.commands.parsing import split_options
from medusa.commands.playlists import MOST, items, left_out, orders_of, wanted
from medusa.errors import UserError
from medusa.model import Order
from medusa.sources import ytdlp_info
from medusa.sources.described import Description, Entry
from medusa.sources.ytdlp_command import expression, language, languages, sorting


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "1:5000"),
        ("1-20", "1:20"),
        ("5,7-9", "5:5,7:9"),
        (":10", "1:10"),
        ("30:", "30:5029"),
        ("7:9", "7:9"),
        ("1-4000,6000-9000", "1:4000,6000:6999"),
        ("1-5000,6000", "1:5000"),
    ],
)
def test_ranges_are_understood_and_bounded(text: str, found: str) -> None:
    assert items(text) == found


@pytest.mark.parametrize("text", ["0", "9-5", "0-5"])
def test_ranges_that_name_nothing(text: str) -> None:
    with pytest.raises(UserError, match="names no items"):
        items(text)


def test_how_many_are_meant() -> None:
    assert [wanted(*one) for one in (("", 50_000), ("1-20", 5), ("3:", 10), ("9-12", 3), ("", None))] == [
        50_000,
        5,
        8,
        0,
        None,
    ]
    assert MOST == 5000


@pytest.mark.parametrize(
    ("text", "words", "value"),
    [
        ("https://a.example/x --playlist", 1, "on"),
        ("--playlist https://a.example/x", 1, "on"),
        ("https://a.example/x --playlist 1-20", 1, "1-20"),
        ("--playlist 5,7-9 https://a.example/x", 1, "5,7-9"),
        ("--playlist=:10 https://a.example/x", 1, ":10"),
        ("https://a.example/x --playlist --silent", 1, "on"),
    ],
)
def test_a_range_may_be_left_out(text: str, words: int, value: str) -> None:
    found, options = split_options(text, COMMAND.options)
    assert (len(found), options["playlist"]) == (words, value)


@pytest.mark.parametrize(
    ("link", "goes"),
    [
        ("https://school.example/2", True),
        ("https://evil.example/2", False),
        ("https://cdn.school.example/2", False),
        ("http://school.example/2", False),
        ("https://school.example:8443/2", False),
    ],
)
def test_headers_are_for_the_items_of_the_playlists_own_origin(link: str, *, goes: bool) -> None:
    course = Order("https://school.example/course", headers="X-Key: secret", silent=True)
    order = for_item(course, Entry(link, "One", "Site:1"), "The course")
    assert (order.link, order.headers, order.silent) == (link, "X-Key: secret" * goes, True)


def test_the_items_of_a_playlist_are_numbered() -> None:
    found = Description("Show", "playlist", entries=(Entry("https://a.example/1", "One", "Site:1"),) * 2, count=2)
    items = orders_of(Order("https://a.example/show", quality="720"), found, "Mine")
    assert [(line, name, one.index, one.total, one.batch) for line, name, one in items] == [
        (1, "One", 1, 2, "Mine"),
        (2, "One", 2, 2, "Mine"),
    ]
    assert {one.quality for _, _, one in items} == {"720"}
    with pytest.raises(UserError, match="nothing there"):
        orders_of(Order("https://a.example/show"), replace(found, entries=()))


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        (Entry("https://a.example/1.mp3", "Episode 5", "https://a.example/1.mp3"), "Episode 5"),
        (Entry("https://a.example/1.mp3", "Episode 5", "guid:5"), "Episode 5"),
        (Entry("https://a.example/watch", "A film", "Youtube:5"), None),
        (Entry("https://a.example/1.mp4", "Show (3)", "https://a.example/1.mp4"), None),
        (Entry("https://a.example/1.mp4", "https://a.example/1.mp4", "https://a.example/1.mp4"), None),
    ],
)
def test_plain_files_are_called_as_their_list_calls_them(entry: Entry, name: str | None) -> None:
    assert for_item(Order("https://a.example/"), entry, "Show").name == name


@pytest.mark.parametrize(
    ("skipped", "count", "numbers", "remark"),
    [
        (0, 9, "", ""),
        (2, 9, "", "“Show”: 2 of its items lead nowhere that may be fetched."),
        (0, 50_000, "", "“Show”: That is 50000 items; these are the first 5000."),
        (0, 50_000, "7-9", ""),
        (0, None, "", ""),
    ],
)
def test_what_is_left_out_is_said(skipped: int, count: int | None, numbers: str, remark: str) -> None:
    assert left_out(Description("Show", "playlist", count=count, skipped=skipped), numbers) == remark


def hidden(**values: str) -> str:
    return "#" + urlencode({"__youtubedl_smuggle": json.dumps(values)})


ITEMS: list[tuple[dict[str, Any], Entry]] = [
    (
        {"_type": "url", "ie_key": "Youtube", "id": "x1", "url": "https://a.example/v?1", "title": "A", "duration": 61},
        Entry("https://a.example/v?1", "A", "Youtube:x1", duration=61),
    ),
    (
        {"_type": "url_transparent", "url": "https://a.example/1.mp3" + hidden(force_videoid="ep-1"), "timestamp": 1e9},
        Entry("https://a.example/1.mp3", "https://a.example/1.mp3", "guid:ep-1", "2001-09-09"),
    ),
    (
        {"url": "https://a.example/1" + hidden(referer="x"), "title": "B"},
        Entry("https://a.example/1" + hidden(referer="x"), "B", "https://a.example/1"),
    ),
    (
        {"extractor_key": "Generic", "id": "page-1", "url": "https://a.example/1.mp4", "upload_date": "20260301"},
        Entry("https://a.example/1.mp4", "https://a.example/1.mp4", "https://a.example/1.mp4", "2026-03-01"),
    ),
    (
        {"ie_key": "YoutubeTab", "url": "https://a.example/videos", "timestamp": 1e14, "duration": "long"},
        Entry("https://a.example/videos", "https://a.example/videos", "https://a.example/videos", many=True),
    ),
    (
        {"url": "https://a.example/2#__youtubedl_smuggle=%7B"},
        Entry("https://a.example/2#__youtubedl_smuggle=%7B", "https://a.example/2", "https://a.example/2"),
    ),
]


@pytest.mark.parametrize(("item", "entry"), ITEMS)
def test_what_tells_items_from_others(item: dict[str, Any], entry: Entry) -> None:
    found = ytdlp_info.listing({"entries": [item, {"title": "nowhere"}, item]}, "https://a.example/")
    assert (found.entries, found.skipped) == ((entry,), 1)


def test_a_list_does_not_choose_among_the_owners_messages() -> None:
    links = ["https://t.me/c/1234567890/56", "tg://privatepost?channel=1&post=2", "https://a.example/1.mp4"]
    found = ytdlp_info.listing({"entries": [{"url": link} for link in links]}, "https://a.example/")
    assert ([entry.link for entry in found.entries], found.skipped) == (links[2:], 2)


@pytest.mark.parametrize(
    "text",
    ["bv*[height<=720]+ba/b", "bestvideo[ext=mp4]+bestaudio/best", "22/18", "b[filesize<50M]", "all[vcodec=none]"],
)
def test_expressions_that_are_handed_on(text: str) -> None:
    assert expression(text) == text


@pytest.mark.parametrize("text", ["", "b\n--exec rm", "b`id`", "b;id", "b\\x", "x" * 301, "é", "b\0", "-"])
def test_expressions_that_are_not(text: str) -> None:
    with pytest.raises(UserError, match="-f takes"):
        expression(text)


@pytest.mark.parametrize("text", ["res:720", "+size,+br,res,fps", "res~1080,vcodec:h264", "lang,quality"])
def test_sorting_that_is_handed_on(text: str) -> None:
    assert sorting(text) == text


@pytest.mark.parametrize("text", ["", "--exec", "res;id", "res,,br", "a" * 41, ",".join(["res"] * 21)])
def test_sorting_that_is_not(text: str) -> None:
    with pytest.raises(UserError, match="-S takes"):
        sorting(text)


def test_languages() -> None:
    assert [languages(text) for text in ("en", "en, de", "pt-BR", "all,-live_chat"[:3])] == [
        "en",
        "en,de",
        "pt-BR",
        "all",
    ]
    for text in ("", "en;de", "--exec", "../x", "e" * 40, "en,,de"):
        with pytest.raises(UserError, match="--subs takes"):
            languages(text)


def test_the_language_of_the_sound() -> None:
    assert [language(text) for text in ("en", "pt-BR", "zh-Hant-TW")] == ["en", "pt-BR", "zh-Hant-TW"]
    for text in ("x", "en,de", "../..", "de;", "x" * 500):
        with pytest.raises(UserError, match="--lang takes one language"):
            language(text)
