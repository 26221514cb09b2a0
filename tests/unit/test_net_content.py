"""Names, sizes and versions read from HTTP headers, hostile ones included."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medusa.sources import content


@pytest.mark.parametrize(
    ("url", "headers", "name"),
    [
        ("https://x.org/a/b.mp4?c=d.zip", {}, "b.mp4"),
        ("https://x.org/a/", {}, "a"),
        ("https://x.org/", {"Content-Type": "application/pdf"}, "x_org.pdf"),
        ("https://x.org/get.php", {"Content-Type": "video/mp4"}, "get.php.mp4"),
        ("https://x.org/song", {"Content-Type": "audio/mpeg; x=y"}, "song.mp3"),
        ("https://x.org/clip.webm", {"Content-Type": "video/mp4"}, "clip.webm"),
        ("https://x.org/%E2%82%AC%20rates.txt", {}, "€ rates.txt"),
        ("https://x.org/..%2F..%2Fetc%2Fpasswd", {}, "passwd"),
        ("https://x.org/x", {"Content-Disposition": 'attachment; filename="a \\"b\\".zip"'}, "a _b_.zip"),
        ("https://x.org/x", {"Content-Disposition": "attachment; filename=plain.zip; size=5"}, "plain.zip"),
        (
            "https://x.org/x",
            {"Content-Disposition": "attachment; filename=\"old.zip\"; filename*=UTF-8''n%c3%a9w.zip"},
            "néw.zip",
        ),
        ("https://x.org/x", {"Content-Disposition": "inline; filename*=no-such''%41.zip"}, "A.zip"),
        (
            "https://x.org/x",
            {"Content-Disposition": 'attachment; filename="../../.ssh/authorized_keys"'},
            "authorized_keys",
        ),
        ("https://x.org/x", {"Content-Disposition": 'attachment; filename="C:\\\\Windows\\\\evil.bat"'}, "evil.bat"),
        ("https://x.org/x", {"Content-Disposition": 'attachment; filename="caf\udce9.zip"'}, "café.zip"),
        ("https://x.org/x", {"Content-Disposition": 'attachment; filename="\u202egpj.exe"'}, "gpj.exe"),
        ("https://x.org/x.bin", {"Content-Disposition": 'attachment; filename=""'}, "x.bin"),
        ("https://x.org/x.bin", {"Content-Disposition": "attachment; filename="}, "x.bin"),
    ],
)
def test_file_name(url: str, headers: dict[str, str], name: str) -> None:
    assert content.file_name(url, headers) == name


_PIECES = [
    "attachment",
    ";",
    "filename",
    "*",
    "=",
    '"',
    "'",
    "\\",
    "%2e%2e%2f",
    "%00",
    "%",
    "utf-8''",
    "\udcff",
    "/",
    " ",
]
_CHARSETS = ["idna", "undefined", "punycode", "zlib", "utf-7", "unicode_escape", "mbcs", "x" * 300, "utf-8\0", ""]
_VALUES = st.one_of(
    st.lists(st.sampled_from(_PIECES) | st.text(max_size=5), max_size=30).map("".join),
    st.tuples(st.sampled_from(_CHARSETS), st.text(max_size=20)).map(
        lambda pair: f"x; filename*={pair[0]}'en'{pair[1]}"
    ),
)


@settings(max_examples=300, deadline=None)
@given(_VALUES, st.text(max_size=20))
def test_any_announced_name_becomes_a_safe_one(disposition: str, kind: str) -> None:
    name = content.file_name("https://x.org/x.bin", {"Content-Disposition": disposition, "Content-Type": kind})
    assert 0 < len(name.encode()) <= 240
    assert not set(name) & set("/\\\0")
    assert not {unicodedata.category(char) for char in name} & {"Cc", "Cf", "Cs"}
    assert not name.startswith(".")


@pytest.mark.parametrize("charset", _CHARSETS)
def test_no_charset_is_trusted(charset: str) -> None:
    headers = {"Content-Disposition": f"attachment; filename*={charset}'en'a%C3%A9.zip"}
    assert content.file_name("https://x.org/x.bin", headers).endswith(".zip")


def test_a_name_of_400_bytes_is_cut() -> None:
    name = content.file_name("https://x.org/" + "ä" * 200 + ".mp4", {})
    assert len(name.encode()) <= 240
    assert name.endswith("ä.mp4")


@pytest.mark.parametrize(
    ("status", "headers", "size"),
    [
        (200, {"Content-Length": "12"}, 12),
        (200, {"Content-Length": "12", "Content-Encoding": "gzip"}, None),
        (200, {"Content-Length": "-12"}, None),
        (200, {}, None),
        (206, {"Content-Range": "bytes 0-4/99", "Content-Length": "5"}, 99),
        (206, {"Content-Range": "bytes 0-4/*"}, None),
        (206, {"Content-Range": "nonsense"}, None),
        (416, {"Content-Range": "bytes */0"}, 0),
    ],
)
def test_size(status: int, headers: dict[str, str], size: int | None) -> None:
    assert content.size_of(status, headers) == size


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ({"ETag": '"abc"', "Last-Modified": "Mon"}, '"abc"'),
        ({"ETag": 'W/"abc"', "Last-Modified": "Mon"}, "Mon"),
        ({"ETag": 'W/"abc"'}, ""),
        ({}, ""),
    ],
)
def test_only_a_strong_version_counts(headers: dict[str, str], version: str) -> None:
    assert content.version_of(headers) == version


def test_an_attached_page_is_a_file() -> None:
    headers = {"Content-Type": "text/html", "Content-Disposition": 'attachment; filename="notes.html"'}
    assert not content.is_page(headers, b"<html>")
    assert content.is_page({"Content-Type": "text/html"}, b"anything")
    assert content.is_page({"Content-Type": "video/mp4"}, b"<!DOCTYPE html><title>Log in</title>")
    assert not content.is_page({"Content-Type": "video/mp4"}, b"\0\0\0\x18ftypmp42")
