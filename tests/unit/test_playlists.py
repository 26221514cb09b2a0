"""Which items of a playlist are meant, and what may be said of formats and subtitles."""

import pytest

from medusa.commands.dl import COMMAND, _for_item
from medusa.commands.parsing import split_options
from medusa.commands.playlists import MOST, items, wanted
from medusa.errors import UserError
from medusa.model import Order
from medusa.sources import ytdlp_info
from medusa.sources.ytdlp_command import expression, language, languages, sorting


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "1:500"),
        ("1-20", "1:20"),
        ("5,7-9", "5:5,7:9"),
        (":10", "1:10"),
        ("30:", "30:529"),
        ("7:9", "7:9"),
        ("1-400,600-900", "1:400,600:699"),
        ("1-500,600", "1:500"),
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
    assert MOST == 500


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
    order = _for_item(Order("https://school.example/course", headers="X-Key: secret", silent=True), link)
    assert (order.link, order.headers, order.silent) == (link, "X-Key: secret" * goes, True)


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
