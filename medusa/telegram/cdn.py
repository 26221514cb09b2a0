"""Reads files from Telegram's CDN, which nothing is entrusted to and nothing is believed of.

https://core.telegram.org/cdn
"""

import asyncio
import hashlib
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from telethon import errors as rpc
from telethon.crypto import rsa
from telethon.network import MTProtoPlainSender, authenticator
from telethon.tl import functions, types
from telethon.tl.alltlobjects import LAYER

from medusa.errors import Transient
from medusa.telegram.client import Account
from medusa.telegram.errors import BROKEN_CONNECTION
from medusa.telegram.lane import Endpoint, Lane
from medusa.telegram.lanes import Lanes
from medusa.telegram.pace import Ceiling

log = structlog.get_logger()

CHUNK: Final = 512 * 1024
"""Bytes of each request of a download: it divides the 1 MB whose boundaries none may cross, and at half of what is
allowed decrypting one holds up the event loop half as long (https://core.telegram.org/api/files#downloading-files)."""
_BLOCK: Final = 16
_TRIES: Final = 2
"""Failures of one request before the file is fetched from its own data centre instead."""
_REUPLOADS: Final = 3
_MEET_WITHIN: Final = 20.0
_NONSENSE = (*BROKEN_CONNECTION, AssertionError, ValueError, struct.error, rpc.TypeNotFoundError)
"""What Telethon's key exchange raises when the other side does not keep to it."""

Ask = Callable[[Any], Awaitable[Any]]
Told = Callable[[int], None]


class CdnFailed(Exception):
    """The CDN did not give what it should have; the file's own data centre has to."""


class Cdn:
    """One CDN data centre: lanes to it, with a key that stands for nobody."""

    def __init__(self, account: Account, dc_id: int, most: Ceiling | None) -> None:
        self._client = account.client
        self._dc_id = dc_id
        self._met: Endpoint | None = None
        self._meeting = asyncio.Lock()
        self.lanes = Lanes(account, locate=self._endpoint, most=most)

    async def get(self, request: Any, told: Told) -> Any:
        """The answer to ``request``. Raises CdnFailed, and Telegram's errors as they are."""
        init = vars(self._client._init_request)  # noqa: SLF001
        # Each request is introduced, for no other method may be called here; about the machine it says nothing.
        anonymous = {"device_model": "n/a", "system_version": "n/a", "lang_pack": "", "lang_code": ""}
        hello = functions.InitConnectionRequest(**{**init, **anonymous, "query": request, "params": None})

        async def over(lane: Lane) -> Any:
            return await lane.send(functions.InvokeWithLayerRequest(LAYER, hello))

        async with self.lanes.in_use():
            await self.lanes.place(CHUNK)
            try:
                return await self.lanes.ask(over, told, size=CHUNK, tries=_TRIES)
            except Transient as error:
                self._met = None
                raise CdnFailed("no answer") from error
            finally:
                self.lanes.leave()

    async def _endpoint(self) -> Endpoint:
        async with self._meeting:
            if self._met is None:
                try:
                    async with asyncio.timeout(_MEET_WITHIN):
                        self._met = await self._meet()
                except _NONSENSE as error:
                    raise ConnectionError(f"the CDN cannot be reached: {type(error).__name__}") from error
            return self._met

    async def _meet(self) -> Endpoint:
        """Make a key with the CDN, which proves itself by an RSA key that Telegram names."""
        client = self._client
        place = _option(await client(functions.help.GetConfigRequest()), self._dc_id, client._use_ipv6)  # noqa: SLF001
        named = await client(functions.help.GetCdnConfigRequest())
        pems = [one.public_key for one in named.public_keys if one.dc_id == self._dc_id]
        options = {"loggers": client._log, "proxy": client._proxy, "local_addr": client._local_addr}  # noqa: SLF001
        way = client._connection(place.ip_address, place.port, place.id, **options)  # noqa: SLF001
        try:
            await way.connect(timeout=_MEET_WITHIN)
            key, time_offset = await _exchanged(way, client._log, pems)  # noqa: SLF001
        finally:
            await way.disconnect()
        log.debug("cdn.met", dc=place.id)
        return Endpoint(place.ip_address, place.port, key, time_offset=time_offset, cdn=True)


class CdnFile:
    """A file's copy on the CDN, as a redirect names it.

    ``ask`` puts questions to the data centre that the redirect comes from; ``size`` is the file's, in bytes.
    """

    def __init__(self, cdn: Cdn, redirect: Any, size: int, ask: Ask, told: Told) -> None:
        self.lanes = cdn.lanes
        self._cdn = cdn
        self._redirect = redirect
        self._size = size
        self._ask = ask
        self._told = told
        self._hashes: dict[int, tuple[int, bytes]] = {}
        self._learn(redirect.file_hashes)

    async def fetch(self, offset: int, size: int) -> bytes:
        """One range of the file, within one chunk; every byte of it has been checked. Raises CdnFailed."""
        start = offset // CHUNK * CHUNK
        length = min(CHUNK, self._size - start)
        try:
            secret = await self._chunk(start)
            if len(secret) != length:
                raise CdnFailed("too few bytes, or too many")
            wanted = await self._wanted(start, length)
        except rpc.RPCError as error:
            raise CdnFailed(type(error).__name__) from error
        data = await asyncio.to_thread(self._opened, start, secret, wanted)
        return data[offset - start : offset - start + size]

    async def _chunk(self, start: int) -> bytes:
        """A chunk as the CDN keeps it; what it keeps no longer it is sent once more."""
        token = self._redirect.file_token
        for _ in range(_REUPLOADS):
            answer = await self._cdn.get(functions.upload.GetCdnFileRequest(token, start, CHUNK), self._told)
            if isinstance(answer, types.upload.CdnFile):
                return bytes(answer.bytes)
            if not isinstance(answer, types.upload.CdnFileReuploadNeeded):
                break
            self._learn(await self._ask(functions.upload.ReuploadCdnFileRequest(token, answer.request_token)))
        raise CdnFailed("no file")

    async def _wanted(self, start: int, length: int) -> list[tuple[int, bytes]]:
        """Lengths and hashes of the stretches that together make up a chunk."""
        found, at = [], start
        while at < start + length:
            if at not in self._hashes:
                self._learn(await self._ask(functions.upload.GetCdnFileHashesRequest(self._redirect.file_token, at)))
            stretch, digest = self._hashes.get(at, (0, b""))
            if not 0 < stretch <= start + length - at:
                raise CdnFailed("no hash")
            found.append((stretch, digest))
            at += stretch
        return found

    def _opened(self, start: int, secret: bytes, wanted: list[tuple[int, bytes]]) -> bytes:
        """Decrypt a chunk and check it."""
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES
        from cryptography.hazmat.primitives.ciphers.modes import CTR

        redirect = self._redirect
        counter = redirect.encryption_iv[:12] + (start // _BLOCK).to_bytes(4, "big")
        data = Cipher(AES(redirect.encryption_key), CTR(counter)).decryptor().update(secret)
        rest = memoryview(data)
        for stretch, digest in wanted:
            if hashlib.sha256(rest[:stretch]).digest() != digest:
                raise CdnFailed("a wrong hash")
            rest = rest[stretch:]
        return data

    def _learn(self, hashes: list[Any]) -> None:
        self._hashes.update((one.offset, (one.limit, one.hash)) for one in hashes)


def _option(config: Any, dc_id: int, ipv6: bool) -> Any:
    """Where a CDN data centre lies. Raises CdnFailed."""
    found = [one for one in config.dc_options if one.cdn and one.id == dc_id]
    if not found:
        raise CdnFailed("no address")
    return next((one for one in found if bool(one.ipv6) == ipv6), found[0])


async def _exchanged(way: Any, loggers: Any, pems: list[str]) -> tuple[Any, int]:
    """Auth key and time offset, made with whom holds one of the RSA keys ``pems``."""
    sender = _Introduction(way, loggers, pems)
    try:
        key, offset = await authenticator.do_authentication(sender)
    finally:
        sender.distrust()
    return key, int(offset)


class _Introduction(MTProtoPlainSender):  # type: ignore[misc]
    """Telethon's key exchange, with further RSA keys.

    Telethon trusts keys for all connections at once. So they are added only for that moment between two messages in
    which a key is chosen: the CDN shall not be able to pass for Telegram itself.
    """

    def __init__(self, way: Any, loggers: Any, pems: list[str]) -> None:
        super().__init__(way, loggers=loggers)
        self._pems = pems
        self._before: dict[int, Any] | None = None

    async def send(self, request: Any) -> Any:
        self.distrust()
        answer = await super().send(request)
        if isinstance(answer, types.ResPQ):
            self._before = dict(rsa._server_keys)  # noqa: SLF001
            for pem in self._pems:
                rsa.add_key(pem, old=False)
        return answer

    def distrust(self) -> None:
        """Take the keys back."""
        if self._before is not None:
            rsa._server_keys = self._before  # noqa: SLF001
            self._before = None
