"""A browser without scripts, as far as the tests of the panel need one."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext

import aiohttp

from medusa.door import OWNER, Door


@dataclass(slots=True)
class Browser:
    """Keeps cookies and the token of the last form that it saw, and sends what browsers send."""

    web: aiohttp.ClientSession
    address: str
    csrf: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> str:
        """The text at a path; redirects are not followed."""
        async with self.web.get(self.address + path, headers=headers, allow_redirects=False) as answer:
            return await self._seen(answer)

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> str:
        """Send a form as the panel's own page would; ``headers`` (with _ for -) take the place of the usual ones."""
        sent = {"Origin": self.address, "Sec-Fetch-Site": "same-origin"}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        data = {"csrf": self.csrf, **fields}
        where = self.address + path
        async with self.web.post(where, data=data, headers=sent, allow_redirects=False) as answer:
            return await self._seen(answer)

    async def follow(self) -> str:
        """Where the last answer sends."""
        return await self.get(self.headers["Location"])

    async def _seen(self, answer: aiohttp.ClientResponse) -> str:
        self.status, self.headers = answer.status, answer.headers
        text = await answer.text()
        if found := re.search(r'name="csrf" value="(\w+)"', text):
            self.csrf = found[1]
        return text


@asynccontextmanager
async def browsing(address: str, ssl: SSLContext | bool = True) -> AsyncIterator[Browser]:
    """A browser that holds nothing yet."""
    jar = aiohttp.CookieJar(unsafe=True)
    connector = aiohttp.TCPConnector(ssl=ssl, limit=0)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as web:
        yield Browser(web, address)


async def enter(browser: Browser, door: Door, person: int = OWNER) -> None:
    """Log in by a link."""
    path = door.link(person).removeprefix(door.address)
    await browser.get(path)
    await browser.post(path, {})
    assert (browser.status, browser.headers["Location"]) == (303, "/")
    await browser.get("/")
