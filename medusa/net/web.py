"""The web client of our own process: one guarded session, and the translation of its errors."""

import asyncio
import errno
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from medusa.errors import Broken, MedusaError, Transient, UserError
from medusa.hosts import origin, origins
from medusa.net.guard import Guard
from medusa.throttle import Throttle

_MAX_REDIRECTS = 10
_CHUNK = 256 * 1024
_HEADERS = {"User-Agent": "Mozilla/5.0 (compatible; Medusa)", "Accept": "*/*", "Accept-Encoding": "identity"}
_HEAD_SECONDS = 120.0
"""Within which all headers have to be there, after all redirects."""
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=60, sock_connect=20, sock_read=60)


class Answer:
    """One HTTP answer whose body has not been read yet."""

    def __init__(self, response: aiohttp.ClientResponse, throttle: Throttle) -> None:
        self._response = response
        self._throttle = throttle

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
        """Yield the body in pieces of at most 256 KB. Raises Transient when it breaks off before its announced end."""
        with _translated(self.url):
            while chunk := await self._read():
                await self._throttle.take(len(chunk))
                yield chunk

    async def _read(self) -> bytes:
        """What comes next. aiohttp forgets its own time limit, or says so oddly, when the body is malformed."""
        try:
            async with asyncio.timeout(_TIMEOUT.sock_read):
                return await self._response.content.read(self._throttle.portion(_CHUNK))
        except RuntimeError as error:
            raise aiohttp.ClientPayloadError(str(error)) from error


class Web:
    """Guarded HTTP for our own process."""

    def __init__(self, session: aiohttp.ClientSession, throttle: Throttle) -> None:
        self._session = session
        self._throttle = throttle

    @asynccontextmanager
    async def get(
        self, url: str, headers: Mapping[str, str] | None = None, own: Mapping[str, str] | None = None
    ) -> AsyncIterator[Answer]:
        """Send a GET, follow up to 10 redirects, and give the answer whatever its status is.

        ``own`` are headers for the URL's own origin, which no other one gets by a redirect.
        Raises UserError for what the link itself is to blame for (no such host, private network, bad certificate) and
        Transient for what may pass (refused, timed out, broken off).
        """
        with _translated(url):
            async with asyncio.timeout(_HEAD_SECONDS):
                response = await self._session.get(
                    url, headers=headers, max_redirects=_MAX_REDIRECTS, middlewares=_only_at_home(url, own or {})
                )
        try:
            yield Answer(response, self._throttle)
        finally:
            response.close()


@asynccontextmanager
async def open_web(guard: Guard, throttle: Throttle | None = None) -> AsyncIterator[Web]:
    """Open the web client: certificates verified, no proxy from the environment, no cookies kept from job to job.

    Bodies are read as fast as ``throttle`` lets them, by default without a limit.
    """
    gate = _Gate(guard)
    connector = aiohttp.TCPConnector(resolver=gate, socket_factory=gate.socket)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        timeout=_TIMEOUT,
        trust_env=False,
    ) as session:
        yield Web(session, throttle or Throttle())


def _only_at_home(url: str, headers: Mapping[str, str]) -> tuple[aiohttp.ClientMiddlewareType, ...]:
    """Adds the headers to the request, and to those of its redirects that stay at home."""
    if not headers:
        return ()
    home = origins(url)

    async def add(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if origin(request.url) in home:
            request.headers.update(headers)
        return await send(request)

    return (add,)


class _Gate(AbstractResolver):
    """Checks each address twice: where a name is resolved, and where the socket is made.

    The socket is the final word, since addresses written as such and redirects to them never meet a resolver. There
    the name is not known any more, so what was allowed because of its name is remembered by address.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._by_name: set[tuple[str, int]] = set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await ThreadedResolver().resolve(host, port, family)
        allowed, refusal = [], None
        for result in found:
            try:
                self._guard.check(host, result["host"], port)
                allowed.append(result)
            except UserError as error:
                refusal = error
        if not allowed and refusal:
            raise refusal
        self._remember(allowed, port)
        return allowed

    def _remember(self, results: list[ResolveResult], port: int) -> None:
        for address in (result["host"] for result in results):
            try:
                self._guard.check(address, address, port)
            except UserError:
                self._by_name.add((address, port))

    def socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket for one resolved address, or refuse."""
        family, kind, protocol, _, where = info
        address, port = str(where[0]), int(where[1])
        if (address, port) not in self._by_name:
            self._guard.check(address, address, port)
        return socket.socket(family=family, type=kind, proto=protocol)

    async def close(self) -> None:
        self._by_name.clear()


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise _translate(error, url) from error


def _translate(error: Exception, url: str) -> MedusaError:
    """Say in our words what aiohttp or the system below it complained of."""
    host = _host(url)
    match error:
        case aiohttp.NonHttpUrlClientError():
            return UserError(f"{host} leads to something that is not http or https.")
        case aiohttp.TooManyRedirects():
            return UserError(f"{host} only redirects in circles.")
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
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return Transient(f"The address of {host} cannot be looked up at the moment.", after=15)
        return UserError(f"There is no host named {host}.")
    if error.errno == errno.ECONNREFUSED:
        return Transient(f"{host} refuses connections.", after=15)
    return Transient(f"{host} cannot be reached.", after=15)


def _end(error: aiohttp.ClientConnectorError | aiohttp.ClientSSLError, host: str) -> str:
    """Name the host that failed, which after a redirect is not the link's."""
    return getattr(error, "host", None) or host


def _host(url: str) -> str:
    try:
        return URL(url).host or "The server"
    except ValueError:
        return "The server"
