"""Names of sites in every spelling, and who gets what."""

import pytest

from medusa.errors import UserError
from medusa.hosts import host_of, origins, site_of, with_parents

HOSTS = [
    ("example.com", "example.com"),
    ("Example.COM.", "example.com"),
    (".example.com", "example.com"),
    ("https://www.Example.com:8443/a?b#c", "www.example.com"),
    ("http://user:word@example.com/", "example.com"),
    ("example.com/path", "example.com"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("BÜCHER.example", "xn--bcher-kva.example"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("ｅｘａｍｐｌｅ.com", "example.com"),
    ("127.0.0.1", "127.0.0.1"),
    ("http://[2001:db8::1]:80/", "2001:db8::1"),
    ("localhost", "localhost"),
    ("my_nas.local", "my_nas.local"),
]
NO_HOSTS = [
    "",
    ".",
    "..",
    "a b",
    "a..b",
    "-a.example",
    "a" * 64 + ".example",
    "a." * 130 + "example",
    "<x>",
    "é\0",
]
SITES = [
    ("www.example.com", "example.com"),
    ("a.b.example.co.uk", "example.co.uk"),
    ("somebody.github.io", "somebody.github.io"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("127.0.0.1", "127.0.0.1"),
    ("localhost", "localhost"),
    ("nas", "nas"),
]


@pytest.mark.parametrize(("text", "host"), HOSTS)
def test_a_host_is_known_in_every_spelling(text: str, host: str) -> None:
    assert host_of(text) == host


@pytest.mark.parametrize("text", NO_HOSTS)
def test_what_is_no_host_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(UserError) as refused:
        host_of(text)
    assert len(text) < 3 or text not in refused.value.user_text


@pytest.mark.parametrize(("host", "site"), SITES)
def test_the_site_of_a_host(host: str, site: str) -> None:
    assert site_of(host) == site


@pytest.mark.parametrize("host", ["com", "co.uk", "github.io", "xn--p1ai"])
def test_what_belongs_to_many_is_no_site(host: str) -> None:
    with pytest.raises(UserError, match="ending of many"):
        site_of(host)


def test_parents_of_hosts() -> None:
    assert with_parents("a.b.example") == ["a.b.example", "b.example", "example"]
    assert with_parents("10.0.0.1") == ["10.0.0.1"]


def test_where_the_secrets_of_a_link_may_go() -> None:
    assert origins("https://Example.com/x") == {("https", "example.com", 443)}
    assert origins("http://example.com/x") == {("http", "example.com", 80), ("https", "example.com", 443)}
    assert origins("http://example.com:8080/x") == {("http", "example.com", 8080)}
