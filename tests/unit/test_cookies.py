"""Cookies as browsers export them: what is read, what is refused, who gets which."""

import http.cookiejar
import json
import random
from pathlib import Path

import pytest

from medusa import cookies
from medusa.cookies import Cookie, belongs, header, pack, read, unpack
from medusa.errors import UserError

NOW = 1_800_000_000.0
LATER = "1900000000"


def line(domain: str = ".example.com", name: str = "sid", value: str = "1", **other: str) -> str:
    columns = (
        domain,
        other.get("subdomains", "TRUE" if domain.startswith(".") else "FALSE"),
        other.get("path", "/"),
        other.get("secure", "FALSE"),
        other.get("expires", LATER),
        name,
        value,
    )
    return "\t".join(columns)


def only(data: str) -> Cookie:
    [[cookie]] = read(data.encode(), NOW).sites.values()
    return cookie


def test_a_netscape_file() -> None:
    text = "\r\n".join(
        [
            "# Netscape HTTP Cookie File",
            "",
            line(value="a b=c"),
            "#HttpOnly_" + line("www.example.com", "host", secure="TRUE", expires="0"),
            line(".example.co.uk", "other", path="/x"),
            line(".example.co.uk", "other", "newer", path="/x"),
            line(name="old", expires="1700000000"),
            line(".co.uk", "homeless"),
        ]
    )
    found = read(text.encode(), NOW)
    assert list(found.sites) == ["example.co.uk", "example.com"]
    assert found.sites["example.com"] == (
        Cookie("example.com", True, "/", False, False, 1_900_000_000.0, "sid", "a b=c"),
        Cookie("www.example.com", False, "/", True, True, None, "host", "1"),
    )
    assert [cookie.value for cookie in found.sites["example.co.uk"]] == ["newer"]
    assert (found.expired, found.homeless) == (1, 1)


def test_the_forms_of_one_cookie() -> None:
    same = only(line())
    assert only("\ufeff" + line()) == same
    assert only(line().replace("\t", "  ")) == same
    assert read(("# x\n" + line()).encode("utf-16"), NOW).sites["example.com"] == (same,)
    assert only(line("example.com", subdomains="TRUE")) == same
    assert only(line(value="").rstrip("\t")) == only(line(value=""))
    assert only(line(".Bücher.example")).domain == "xn--bcher-kva.example"
    assert only(line(expires="1900000000000")).expires == 1_900_000_000.0
    assert only(line(expires="253402300799")).expires == 253402300799.0
    assert not only(line("127.0.0.1", subdomains="TRUE")).subdomains


def test_the_json_of_browser_extensions() -> None:
    one = {"name": "sid", "value": "1", "domain": ".example.com", "path": "/", "expirationDate": 1_900_000_000.5}
    other = {**one, "hostOnly": True, "domain": "www.example.com", "httpOnly": True, "secure": True, "session": True}
    del other["expirationDate"]
    found = read(json.dumps([one, other, {**one, "name": "p", "expires": -1, "expirationDate": None}]).encode(), NOW)
    first, second, third = found.sites["example.com"]
    assert (first.subdomains, first.expires) == (True, 1_900_000_000.5)
    assert (second.subdomains, second.secure, second.http_only, second.expires) == (False, True, True, None)
    assert third.expires is None


REFUSED = [
    (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", "no text"),
    (b"\x00\x01\x02", "no text"),
    (b"PK\x03\x04" + random.Random(1).randbytes(64), "no text"),
    (b"<!doctype html><title>Log in</title>", "web page"),
    (b"", "nothing in it"),
    (b" \n\t\n", "nothing in it"),
    (b"# only words\n", "no cookie"),
    (b"x" * (cookies.MOST_BYTES + 1), "more than 1 MB"),
    (b"just a note", "Line 1 has 3 columns"),
    (f"{line()}\n{line()}\tmore".encode(), "Line 2 has 8 columns"),
    (line(value="a\x01b").encode(), "Line 1"),
    (line(value="a;b").encode(), "Line 1"),
    (line(name="a=b").encode(), "Line 1"),
    (line(name="a b").encode(), "Line 1"),
    (line(path="/a;b").encode(), "Line 1"),
    (line(value="v" * 9000).encode(), "Line 1"),
    (line(expires="soon").encode(), "Line 1"),
    (line(expires="nan").encode(), "Line 1"),
    (line("not a host").encode(), "Line 1"),
    (line(expires="1700000000").encode(), "have expired"),
    (line(".co.uk").encode(), "no cookie of any site"),
    (b"{}", "no list"),
    (b"[1, 2]", "no list"),
    (b"[" * 100_000, "no list"),
    (b'{"cookies": []}', "no list"),
    (b"[]", "no cookie of any site"),
    (b'[{"name": "a", "value": "b"}]', "Entry 1"),
    (b'[{"name": "a", "value": 1, "domain": "example.com"}]', "Entry 1"),
    (b'[{"name": "a", "value": "b\\nc", "domain": "example.com"}]', "Entry 1"),
    (b'[{"name": "a", "value": "b", "domain": "example.com", "expires": "x"}]', "Entry 1"),
    (b'[{"name": "a", "value": "b", "domain": "example.com", "path": 7}]', "Entry 1"),
]


@pytest.mark.parametrize(("data", "words"), REFUSED)
def test_what_is_no_file_of_cookies_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(UserError) as refused:
        read(data, NOW)
    assert words in refused.value.user_text
    assert len(refused.value.user_text) < 300


def test_five_thousand_sites_are_read_and_found_again() -> None:
    text = "\n".join(line(f".site{number}.example", value=f"value{number}") for number in range(5000))
    found = read(text.encode(), NOW)
    assert len(found.sites) == 5000
    assert unpack(pack(found.sites["site7.example"], NOW)) == list(found.sites["site7.example"])


BELONGS = [
    # domain, subdomains, secure cookie, host, https, sent
    ("example.com", True, False, "example.com", True, True),
    ("example.com", True, False, "www.example.com", True, True),
    ("example.com", True, False, "a.b.example.com", False, True),
    ("example.com", False, False, "example.com", True, True),
    ("example.com", False, False, "www.example.com", True, False),
    ("www.example.com", True, False, "example.com", True, False),
    ("example.com", True, False, "badexample.com", True, False),
    ("example.com", True, False, "example.com.evil.example", True, False),
    ("example.com", True, False, "example.org", True, False),
    ("example.com", True, True, "example.com", True, True),
    ("example.com", True, True, "example.com", False, False),
    ("0.0.1", True, False, "127.0.0.1", True, False),
    ("127.0.0.1", False, False, "127.0.0.1", False, True),
    ("localhost", False, False, "127.0.0.1", True, False),
    ("localhost", False, False, "localhost", True, True),
]


@pytest.mark.parametrize(("domain", "subdomains", "marked", "host", "https", "sent"), BELONGS)
def test_a_cookie_goes_where_a_browser_sends_it(
    domain: str, subdomains: bool, marked: bool, host: str, https: bool, sent: bool
) -> None:
    cookie = Cookie(domain, subdomains, "/", marked, False, None, "n", "v")
    assert belongs(cookie, host, secure=https) is sent
    text = pack([cookie], NOW)
    assert header(text, f"{'https' if https else 'http'}://{host}:8080/x", NOW) == ("n=v" if sent else "")


@pytest.mark.parametrize(
    ("scope", "path", "sent"),
    [
        ("/", "", True),
        ("/a", "/a", True),
        ("/a", "/a/b", True),
        ("/a", "/ab", False),
        ("/a/", "/a", False),
        ("/b", "/a", False),
    ],
)
def test_a_cookie_goes_to_its_own_paths(scope: str, path: str, sent: bool) -> None:
    text = pack([Cookie("example.com", True, scope, False, False, None, "n", "v")], NOW)
    assert bool(header(text, f"http://example.com{path}", NOW)) is sent


def test_a_header_has_the_closest_first_and_nothing_expired() -> None:
    one = Cookie("example.com", True, "/", False, False, None, "wide", "1")
    jar = [one, Cookie("example.com", True, "/a", False, False, NOW + 9, "close", "2")]
    text = pack([*jar, Cookie("example.com", True, "/", False, False, NOW - 9, "old", "3")], NOW)
    assert header(text, "http://example.com/a/b", NOW) == "close=2; wide=1"
    assert header(text, "http://example.com/a/b", NOW + 10) == "wide=1"
    assert header("", "http://example.com/", NOW) == ""
    assert pack([], NOW) == ""


def test_other_programs_read_what_is_packed(tmp_path: Path) -> None:
    jar = [
        Cookie("example.com", True, "/", True, True, NOW + 9e8, "sid", 'a "b" c'),
        Cookie("www.example.com", False, "/x", False, False, None, "host", ""),
    ]
    (tmp_path / "cookies.txt").write_text(pack(jar, NOW))
    read_by_python = http.cookiejar.MozillaCookieJar(tmp_path / "cookies.txt")
    read_by_python.load(ignore_discard=True, ignore_expires=True)
    assert {(one.domain, one.path, one.name, one.value) for one in read_by_python} == {
        (".example.com", "/", "sid", 'a "b" c'),
        ("www.example.com", "/x", "host", ""),
    }
