"""The vault on a real encrypted file: who gets what, and what the owner hears before it ends."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from medusa import cookies
from medusa.errors import UserError
from medusa.model import Notice, Order
from medusa.observe import clean
from medusa.storage import open_store
from medusa.storage.vault import Kind, VaultTable
from medusa.vault import LATELY, SOON, Vault, a_header, a_token

NOW = 1_800_000_000.0
DAY = 86400.0


@dataclass
class Kit:
    vault: Vault
    now: float = NOW

    async def give(self, *lines: tuple[str, str, float, str]) -> None:
        """Keep cookies by domain, name, expiry and whether they are secure."""
        text = "\n".join(
            f"{domain}\t{str(domain.startswith('.')).upper()}\t/\t{secure}\t{expires:.0f}\t{name}\t{domain}-{name}-1"
            for domain, name, expires, secure in lines
        )
        await self.vault.keep_cookies(cookies.read(text.encode(), self.now))

    async def sent(self, link: str, order: Order | None = None) -> set[str]:
        """The names of the cookies that go to a link."""
        return {cookie.name for cookie in cookies.unpack((await self.vault.secrets(link, order)).cookies)}


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    async with open_store(tmp_path) as store:
        kit = Kit(Vault(VaultTable(store)))
        kit.vault = Vault(VaultTable(store), now=lambda: kit.now)
        yield kit


async def test_a_host_gets_its_own_cookies_alone(kit: Kit) -> None:
    await kit.give(
        (".example.com", "all", 0, "FALSE"),
        (".example.com", "safe", 0, "TRUE"),
        ("www.example.com", "www", 0, "FALSE"),
        (".accounts.example.com", "accounts", 0, "FALSE"),
        (".example.com", "short", NOW + 60, "FALSE"),
        (".other.example", "other", 0, "FALSE"),
        (".youtube.com", "tube", 0, "TRUE"),
    )
    assert await kit.sent("https://www.example.com/x") == {"all", "safe", "www", "short"}
    assert await kit.sent("http://WWW.example.com.:8080/x") == {"all", "www", "short"}
    assert await kit.sent("https://example.com") == {"all", "safe", "short"}
    assert await kit.sent("https://evilexample.com") == set()
    assert await kit.sent("https://example.com.evil.example") == set()
    assert await kit.sent("https://youtu.be/x") == {"tube"}
    assert await kit.sent("https://m.youtube.com/x") == {"tube"}
    named = Order("https://example.org/", cookies="other.example")
    assert await kit.sent("https://example.org/", named) == {"other"}
    kit.now += 61
    assert await kit.sent("https://example.com") == {"all", "safe"}
    for link in ("http://[::1]/", "http://a..b/", "http://%00/", "https://ex ample/"):
        assert await kit.sent(link) == set()


async def test_new_cookies_of_a_site_take_the_place_of_its_old_ones(kit: Kit) -> None:
    await kit.give((".example.com", "old", 0, "FALSE"), (".other.example", "other", 0, "FALSE"))
    await kit.give((".example.com", "new", 0, "FALSE"))
    assert await kit.sent("https://example.com") == {"new"}
    assert await kit.sent("https://other.example") == {"other"}


async def test_tokens_and_headers_go_to_their_site_and_what_is_below(kit: Kit) -> None:
    await kit.vault.keep_token("example.com", "", "token-of-all")
    await kit.vault.keep_token("api.example.com", "first", "token-1-of-api")
    kit.now += 1
    await kit.vault.keep_token("api.example.com", "second", "token-2-of-api")
    await kit.vault.keep_header("example.com", "X-Key", "wide-key-1")
    await kit.vault.keep_header("example.com", "x-key", "wide-key-2")
    await kit.vault.keep_header("api.example.com", "X-Org", "org-number-3")
    got = await kit.vault.secrets("https://v2.api.example.com/x")
    assert (got.token, got.headers) == ("token-2-of-api", {"x-key": "wide-key-2", "X-Org": "org-number-3"})
    assert (await kit.vault.secrets("https://www.example.com")).token == "token-of-all"
    assert (await kit.vault.secrets("https://example.org")).token == ""
    assert "token-of-all" not in repr(got) + repr(await kit.vault.kept(Kind.TOKEN))


async def test_the_headers_of_an_order_go_to_the_host_of_its_link(kit: Kit) -> None:
    order = Order("https://example.com/x", headers="X-Key: only-this-once-1\nAccept: text/plain")
    assert (await kit.vault.secrets(order.link, order)).headers == {"X-Key": "only-this-once-1", "Accept": "text/plain"}
    for other in ("https://cdn.example.com/x", "https://example.org/x"):
        assert (await kit.vault.secrets(other, order)).headers == {}
    assert clean("it said only-this-once-1 twice") == "it said [secret] twice"


async def test_the_headers_of_an_order_do_not_go_to_other_ports_nor_in_the_clear(kit: Kit) -> None:
    order = Order("https://example.com/list.m3u8", headers="X-Key: only-this-once-2")
    for other in ("http://example.com/1.ts", "https://example.com:8443/1.ts", "http://example.com:8080/1.ts"):
        assert (await kit.vault.secrets(other, order)).headers == {}
    plain = replace(order, link="http://example.com/list.m3u8")
    for own in ("http://EXAMPLE.com:80/1.ts", "https://example.com/1.ts"):
        assert (await kit.vault.secrets(own, plain)).headers == {"X-Key": "only-this-once-2"}


async def test_what_was_kept_before_the_start_is_blotted_out(kit: Kit, tmp_path: Path) -> None:
    await kit.vault.keep_token("example.com", "", "kept-before-the-start-1")
    await kit.vault.load()
    assert clean("kept-before-the-start-1") == "[secret]"


def jwt(end: float) -> str:
    body = base64.urlsafe_b64encode(json.dumps({"exp": end}).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{body}.signature"


async def test_the_owner_hears_once_before_and_once_after_the_end(kit: Kit) -> None:
    end = NOW + 30 * DAY
    await kit.give((".example.com", "long", end, "FALSE"), (".example.com", "brief", NOW + 600, "FALSE"))
    await kit.vault.keep_token("api.example.org", "", jwt(end))
    assert [thing.expires for thing in await kit.vault.kept(Kind.TOKEN)] == [end]
    kit.now = end - SOON + 1
    assert await kit.vault.ending() == []  # nobody uses them
    await kit.vault.secrets("https://example.com")
    await kit.vault.secrets("https://api.example.org")
    lines = await kit.vault.ending()
    assert [line.partition(" expire")[0] for line in lines] == [
        "Your token for api.example.org",
        "Your cookies for example.com",
    ]
    assert await kit.vault.ending() == []
    kit.now = end + 1
    assert await kit.vault.ending() == [
        "Your token for api.example.org has expired: /token takes a new one.",
        "Your cookies for example.com have expired: /cookies takes new ones.",
    ]
    assert await kit.vault.ending() == []
    await kit.give((".example.com", "new", kit.now + 90 * DAY, "FALSE"))
    kit.now += 90 * DAY
    assert kit.now - NOW > LATELY
    assert await kit.vault.ending() == []


async def test_what_expires_is_told_as_a_notice(kit: Kit) -> None:
    await kit.give((".example.com", "long", NOW + 9 * DAY, "FALSE"))
    await kit.vault.secrets("https://example.com")
    kit.now += 7 * DAY
    told: list[tuple[Notice, str]] = []
    running = asyncio.create_task(kit.vault.run(lambda kind, text: told.append((kind, text))))
    async with asyncio.timeout(10):
        while not told:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running})
    [(kind, text)] = told
    assert kind is Notice.SECRETS
    assert text.startswith("Your cookies for example.com expire 2027-")


async def test_the_advice_says_what_was_given(kit: Kit) -> None:
    assert "send that browser's cookies: /cookies" in await kit.vault.advice("https://example.com/x")
    await kit.give((".example.com", "sid", NOW + 9 * DAY, "FALSE"))
    assert "do not open it" in await kit.vault.advice("https://example.com/x")
    kit.now += 10 * DAY
    assert await kit.vault.advice("https://example.com/x") == "Your cookies for example.com have expired: /cookies"


TOKENS = [
    ("abc", ("", "abc")),
    ("sid=abc", ("sid", "abc")),
    (" 'sid=a=b' ", ("sid", "a=b")),
    ("dG9rZW4=", ("", "dG9rZW4=")),
    ("dG9rZQ==", ("", "dG9rZQ==")),
    ("-starts-with-a-dash", ("", "-starts-with-a-dash")),
]


@pytest.mark.parametrize(("text", "token"), TOKENS)
def test_a_token_has_a_name_or_none(text: str, token: tuple[str, str]) -> None:
    assert a_token(text) == token


@pytest.mark.parametrize("text", ["", " ", "a b", "a\nb", "a\r\nb", "a\0b", "a\tb", "ä", "x" * 9000, "''"])
def test_what_is_no_token_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(UserError) as refused:
        a_token(text)
    assert len(text) < 3 or text not in refused.value.user_text


@pytest.mark.parametrize(
    "text",
    ["", "X-Key", "X Key: v", "X-Key:", "X-Key: a\r\nHost: b", "X-Key: a\0", "X-Key: ä", ": v", "Host: a", "TE: x",
     "Transfer-Encoding: chunked", "connection: x", "Proxy-Authorization: x", "Content-Length: 0", "Range: x"],
)  # fmt: skip
def test_what_is_no_header_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="Nothing was kept"):
        a_header(text)


def test_a_header_is_taken_apart() -> None:
    assert a_header("X-Key: a: b ") == ("X-Key", "a: b")
    for quoted in ("'{}'", '"{}"', "“{}”", "‘{}’", "„{}“", "«{}»", " {} "):
        assert a_header(quoted.format("Authorization: Bearer x")) == ("Authorization", "Bearer x")
