"""The web client of our own process: one guarded session, and the translation of its errors."""

import asyncio
import base64
import errno
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.resolver import ThreadedResolver
from aiohttp.tracing import Trace
from multidict import CIMultiDict
from yarl import URL

from medusa.errors import Broken, MedusaError, Transient, UserError
from medusa.net.floor import Floor
from medusa.net.guard import Guard, spoken
from medusa.throttle import Throttle

_MAX_REDIRECTS = 10
_CHUNK = 256 * 1024
_HEADERS = {"User-Agent": "Mozilla/5.0 (compatible; Medusa)", "Accept": "*/*", "Accept-Encoding": "identity"}
_HEAD_SECONDS = 120.0
"""Within which all headers have to be there, after all redirects."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HARMLESS = frozenset({"accept", "accept-language", "if-range", "origin", "range", "referer", "user-agent"})
"""Headers that also another host may see than the one that they were meant for."""
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=60, sock_connect=20, sock_read=60)

_ASKED: ContextVar[str] = ContextVar("asked", default="")
"""The host that the request under way names, for where only its address is known."""


class Answer:
    """One HTTP answer whose body has not been read yet."""

    def __init__(self, response: aiohttp.ClientResponse, throttle: Throttle) -> None:
        self._response = response
        self._throttle = throttle
        self._floor = Floor(_host(response.url))

    @property
    def status(self) -> int:
        """The status code after redirects."""
        return self._response.status

    @property
    def url(self) -> str:
        """The URL that answered, after redirects."""
        return str(self._response.url)

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names are found in any case."""
        return self._response.headers

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body, unpacked, in pieces of at most 256 KB.

        Raises Transient when it breaks off before its announced end, or when next to nothing comes.
        """
        with _translated(self._response.url):
            while chunk := await self._read():
                await self._throttle.take(len(chunk))
                yield chunk

    async def _read(self) -> bytes:
        """What comes next. aiohttp forgets its own time limit, or says so oddly, when the body is malformed."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(_TIMEOUT.sock_read):
                chunk = await self._response.content.read(self._throttle.portion(_CHUNK))
        except RuntimeError as error:
            raise aiohttp.ClientPayloadError(str(error)) from error
        self._floor.came(len(chunk), time.monotonic() - began)
        return chunk


class Web:
    """Guarded HTTP for our own process."""

    def __init__(self, session: aiohttp.ClientSession, guard: Guard, throttle: Throttle) -> None:
        self._session = session
        self._guard = guard
        self._throttle = throttle

    @asynccontextmanager
    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[Answer]:
        """Send a GET, follow up to 10 redirects, and give the answer whatever its status is.

        ``headers``, and user and password of the URL, go to its own host alone, never in the clear where it said
        https; after a redirect elsewhere only those go along that hold no secret. Raises UserError for what the link
        itself is to blame for (no such host, private network, bad certificate) and Transient for what may pass
        (refused, timed out, broken off).
        """
        with _translated(url):
            async with asyncio.timeout(_HEAD_SECONDS):
                response = await self._follow(URL(url), CIMultiDict(headers or {}))
        try:
            yield Answer(response, self._throttle)
        finally:
            response.close()

    async def _follow(self, url: URL, headers: CIMultiDict[str]) -> aiohttp.ClientResponse:
        for _ in range(_MAX_REDIRECTS + 1):
            url = _logged_in(url, headers)
            with _translated(url):
                response = await self._ask(url, headers)
                target = _target(response)
            if target is None:
                return response
            response.release()
            if not _may_know(target, url):
                headers = CIMultiDict((key, value) for key, value in headers.items() if key.lower() in _HARMLESS)
            url = target
        raise UserError(f"{_host(url)} only redirects in circles.")

    async def _ask(self, url: URL, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Get the head of one answer; a redirect is not followed."""
        if url.scheme == "http":
            self._guard.check_plain(url.host or "", url.port or 80)
        return await self._session.get(url, headers=headers, allow_redirects=False)


def _logged_in(url: URL, headers: CIMultiDict[str]) -> URL:
    """Turn user and password in a URL into the header that says the same, RFC 7617; returns the URL without them."""
    if url.user is None:
        return url
    coded = base64.b64encode(f"{url.user}:{url.password or ''}".encode()).decode()
    headers["Authorization"] = f"Basic {coded}"
    return url.with_user(None)


def _target(response: aiohttp.ClientResponse) -> URL | None:
    """Where an answer redirects to, None for one that does not. Raises UserError for what is not on the web."""
    location = response.headers.get("Location")
    if response.status not in _REDIRECTS or location is None:
        return None
    try:
        target = response.url.join(URL(location))
        if target.scheme not in ("http", "https"):
            raise UserError(f"{_host(response.url)} leads to something that is not http or https.")
    except BaseException:
        response.close()
        raise
    return target


def _may_know(target: URL, url: URL) -> bool:
    """Say whether what was meant for ``url`` may go to ``target``: the same origin, or the same host now encrypted."""
    safer = (url.scheme, url.port, target.scheme, target.port) == ("http", 80, "https", 443)
    return target.host == url.host and (safer or (target.scheme, target.port) == (url.scheme, url.port))


@asynccontextmanager
async def open_web(guard: Guard, throttle: Throttle | None = None) -> AsyncIterator[Web]:
    """Open the web client: certificates verified, no proxy from the environment, no cookies kept from job to job.

    Bodies are read as fast as ``throttle`` lets them, by default without a limit.
    """
    gate = _Gate(guard)
    connector = _Connector(guard, resolver=gate, socket_factory=gate.socket)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        timeout=_TIMEOUT,
        trust_env=False,
    ) as session:
        yield Web(session, guard, throttle or Throttle())


class _Connector(aiohttp.TCPConnector):
    """Says for which host a connection is made, and judges one that was kept open as strictly as a new one."""

    def __init__(self, guard: Guard, **options: Any) -> None:
        super().__init__(**options)
        self._guard = guard

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        host = req.url.raw_host or ""
        asked = _ASKED.set(host)
        try:
            while True:
                connection = await super().connect(req, traces, timeout)
                peer = connection.transport.get_extra_info("peername") if connection.transport else None
                if peer is None or self._guard.judge(host, *peer[:2]) is None:
                    return connection  # without a peer it is closed already
                connection.close()  # allowed when it was made; the next one is a new one, if there is any
        finally:
            _ASKED.reset(asked)


class _Gate(AbstractResolver):
    """Checks each address twice: where a name is resolved, and where the socket is made.

    The socket is the final word, since addresses written as such and redirects to them never meet a resolver.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await ThreadedResolver().resolve(host, port, family)
        refusals = [self._guard.judge(host, result["host"], port) for result in found]
        allowed = [result for result, refusal in zip(found, refusals, strict=True) if refusal is None]
        if not allowed and (refusal := next(filter(None, refusals), None)):
            raise self._guard.noted(refusal)
        return allowed

    def socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket for one resolved address, or refuse."""
        family, kind, protocol, _, where = info
        address, port = str(where[0]), int(where[1])
        self._guard.check(_ASKED.get() or address, address, port)
        return socket.socket(family=family, type=kind, proto=protocol)

    async def close(self) -> None:
        """Nothing is held."""


@contextmanager
def _translated(url: str | URL) -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise _translate(error, url) from error


def _translate(error: Exception, url: str | URL) -> MedusaError:
    """Say in our words what aiohttp or the system below it complained of."""
    host = _host(url)
    match error:
        case aiohttp.ClientSSLError():
            return UserError(f"{_end(error, host)} has no valid certificate, so the connection is not safe.")
        case aiohttp.ClientConnectorError():
            return connection_error(_end(error, host), error.os_error)
        case aiohttp.InvalidURL() | ValueError():
            return UserError("This is not a valid link.")
        case TimeoutError():
            return Transient(f"{host} does not answer in time.", after=15)
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError():
            return Transient(f"The connection to {host} broke off.")
        case _:
            return Broken(f"{host} does not speak proper HTTP.")


def connection_error(host: str, error: OSError) -> MedusaError:
    """Say why no connection could be made: UserError for a name that does not exist, else Transient."""
    host = spoken(host)
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return Transient(f"The address of {host} cannot be looked up at the moment.", after=15)
        return UserError(f"There is no host named {host}.")
    if error.errno == errno.ECONNREFUSED:
        return Transient(f"{host} refuses connections.", after=15)
    return Transient(f"{host} cannot be reached.", after=15)


def _end(error: aiohttp.ClientConnectorError | aiohttp.ClientSSLError, host: str) -> str:
    """Name the host that failed, which after a redirect is not the link's."""
    return spoken(getattr(error, "host", None) or host)


def _host(url: str | URL) -> str:
    try:
        return spoken(URL(url).host or "") or "The server"
    except ValueError:
        return "The server"
