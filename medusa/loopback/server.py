"""The embedded Telegram as a whole: its socket, its state, and what a test or a demo may do with it."""

import asyncio
import functools
import logging
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from telethon.tl import types

from medusa.loopback import crypto
from medusa.loopback.accounts import Account, make_password, random_long
from medusa.loopback.boxes import Chat
from medusa.loopback.call import Call
from medusa.loopback.connection import Connection
from medusa.loopback.database import Database
from medusa.loopback.dispatch import Dispatcher, deliver
from medusa.loopback.faults import Faults
from medusa.loopback.files import Media
from medusa.loopback.methods.channels import create
from medusa.loopback.methods.qr import accept
from medusa.loopback.network import Network
from medusa.loopback.posting import Draft, post
from medusa.loopback.sockets import Socket
from medusa.loopback.world import CDN_DC, HOME_DC, OTHER_DC, World

log = logging.getLogger(__name__)

OWNER_PHONE, OWNER_NAME, OWNER_USERNAME, LOGIN_CODE = "+9996620001", "Owner", "owner", "12345"
_READ_AHEAD = 2 << 20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A document or photo as the server holds it. ``size`` is bytes; ``thumb`` the bytes of its thumbnail."""

    id: int
    name: str
    mime: str
    size: int
    path: Path
    attributes: tuple[Any, ...]
    thumb: bytes | None

    def read(self) -> bytes:
        """The whole file."""
        return self.path.read_bytes()

    @property
    def sha256(self) -> str:
        """The hash of the whole file in hexadecimal, taken from the disk."""
        digest = sha256()
        with self.path.open("rb") as file:
            while chunk := file.read(_READ_AHEAD):
                digest.update(chunk)
        return digest.hexdigest()


class Loopback:
    """A running server. Clients reach it at ``host`` and ``port`` as data centre ``dc_id``, trusting ``key_file``."""

    def __init__(self, world: World, faults: Faults, network: Network, key_file: Path) -> None:
        self.dc_id = HOME_DC
        self.key_file = key_file
        self.faults = faults
        self.network = network
        self.host, self.port = world.address
        self._world = world
        self.owner = world.accounts.add(OWNER_PHONE, OWNER_NAME, OWNER_USERNAME, LOGIN_CODE)

    @property
    def calls(self) -> Counter[str]:
        """How often each method was called, by its TL name."""
        return self._world.calls

    @property
    def payload(self) -> int:
        """Bytes of file parts received so far."""
        return self._world.files.received

    def add_account(
        self,
        phone: str,
        name: str,
        *,
        username: str | None = None,
        code: str = LOGIN_CODE,
        password: str | None = None,
    ) -> Account:
        """Another account; ``password`` asks for two-step verification at login."""
        account = self._world.accounts.add(phone, name, username, code)
        if password is not None:
            self.set_password(account, password)
        return account

    def set_password(self, account: Account, password: str | None) -> None:
        """Set the two-step password, or remove it with None."""
        self._world.accounts.set_password(account.user_id, None if password is None else make_password(password))

    def accept_login(self, token: bytes, account: Account | None = None) -> None:
        """Scan a QR code as the account would with its phone. Raises RpcFailure for a bad token."""
        call = Call(self._world, None, account or self.owner)
        accept(call, token)
        deliver(call)

    def channel(self, title: str, *, megagroup: bool = False, members: tuple[Account, ...] = ()) -> int:
        """A new channel of the owner; returns its marked id."""
        call = Call(self._world, None, self.owner)
        with self._world.database.transaction():
            record, _ = create(call, title, "", megagroup=megagroup, forum=False)
            for account in members:
                self._world.channels.join(record.id, account.user_id)
        deliver(call)
        return record.peer

    def say(self, text: str, *, sender: Account | None = None, peer: int | None = None) -> int:
        """Post a text as an account (by default the owner, to itself) without a client; returns its number."""
        call = Call(self._world, None, sender or self.owner)
        chat = self._chat(call.me, call.me.user_id if peer is None else peer)
        with self._world.database.transaction():
            updates = post(call, chat, Draft(random_long(), text))
        deliver(call)
        return int(updates[0].id)

    def messages(self, peer: int | None = None, account: Account | None = None) -> list[Any]:
        """The TL messages of a chat (marked id) as an account holds them, oldest first."""
        owner = account or self.owner
        chat = self._chat(owner, owner.user_id if peer is None else peer)
        window = self._world.boxes.window(chat, "1", [], -1, 0)
        return [self._world.show(stored, owner.user_id) for stored in reversed(window)]

    def text(self, message_id: int, peer: int | None = None) -> str | None:
        """What a message of a chat (marked id) of the owner's reads, None when it is gone."""
        stored = self._world.boxes.get(peer or self.owner.user_id, message_id)
        return None if stored is None else str(stored.message.message)

    def chats(self, account: Account | None = None) -> list[int]:
        """The marked ids of an account's chats."""
        owner = (account or self.owner).user_id
        return [*self._world.boxes.peers(owner), *(record.peer for record in self._world.channels.of(owner))]

    def files(self) -> list[StoredFile]:
        """Every stored document and photo, oldest first."""
        return [self._file(media) for media in self._world.files.all()]

    def last_file(self) -> StoredFile | None:
        """The newest document or photo."""
        media = self._world.files.last()
        return None if media is None else self._file(media)

    def reset(self) -> None:
        """Zero the counters and delete the bytes of all files, so that a benchmark does not fill the disk."""
        self._world.calls.clear()
        self._world.files.received = 0
        self._world.files.discard()

    def file_of(self, message: Any) -> StoredFile | None:
        """The file that a message of ``messages`` holds."""
        item = getattr(message.media, "document", None) or getattr(message.media, "photo", None)
        return None if item is None else self._file(self._world.files.get(item.id))

    def limit_parts(self, parts: int) -> None:
        """How many parts an upload may have; 4000 unless told otherwise."""
        self._world.files.max_parts = parts

    def connections(self) -> int:
        """How many sessions have a living connection."""
        worlds = self._world.centres.values()
        return sum(session.link is not None for world in worlds for session in world.sessions)

    @property
    def centres(self) -> dict[int, tuple[str, int]]:
        """Host and port of each data centre, the CDN's among them."""
        return {dc_id: world.address for dc_id, world in self._world.centres.items()}

    @property
    def cdn(self) -> bool:
        """Whether clients that can are sent to the CDN for their downloads."""
        return self._world.cdn.on

    @cdn.setter
    def cdn(self, on: bool) -> None:
        self._world.cdn.on = on

    def move_file(self, file_id: int, dc_id: int) -> None:
        """Let a document or photo lie in another data centre of ``centres``."""
        self._world.files.move(file_id, dc_id)

    def pts(self, box: int) -> int:
        """How far an account (user id) or a channel (marked id) has come."""
        return self._world.boxes.pts(box)

    def _chat(self, account: Account, peer: int) -> Chat:
        return Chat(peer if peer < 0 else account.user_id, peer)

    def _file(self, media: Media) -> StoredFile:
        body = media.body
        is_document = isinstance(body, types.Document)
        return StoredFile(
            id=media.id,
            name=media.blob.name,
            mime=body.mime_type if is_document else "image/jpeg",
            size=media.blob.size,
            path=self._world.files.path(media.blob.file),
            attributes=tuple(body.attributes) if is_document else (),
            thumb=media.thumb,
        )


class _Listener:
    """Accepts connections and owns their tasks."""

    def __init__(
        self, world: World, faults: Faults, network: Network, server_key: Callable[[], crypto.ServerKey]
    ) -> None:
        self._world = world
        self._faults = faults
        self._network = network
        self._server_key = server_key
        self._dispatcher = Dispatcher(world, faults)
        self._running: dict[asyncio.Task[None], Connection] = {}
        faults.transport.drop.append(self.drop)

    def accept(self, socket: Socket) -> None:
        """Serve a new connection in a task of its own."""
        if self._faults.transport.refusing:
            socket.abort()
            return
        key, transport = self._server_key(), self._faults.transport
        connection = Connection(self._world, self._dispatcher, key, transport, self._network, socket)
        task = asyncio.get_running_loop().create_task(connection.run())
        self._running[task] = connection
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not task.cancelled() and (error := task.exception()):
            log.error("a connection failed", exc_info=error)

    def drop(self) -> None:
        """Cut all connections."""
        for connection in self._running.values():
            connection.close()

    async def end(self) -> None:
        """Cancel what still runs and wait for it."""
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def serve(
    folder: Path | None = None, *, host: str = "127.0.0.1", port: int = 0, network: Network | None = None
) -> AsyncIterator[Loopback]:
    """Serve Telegram on ``host``; port 0 takes any free one.

    ``network`` says how slow it is to be; it can be changed at any time. With ``folder`` everything is kept there
    and a later server goes on from it; without, it is gone at the end.
    """
    with ExitStack() as stack:
        home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loopback-")))
        server_key = await asyncio.to_thread(_prepare, home)
        world = World(stack.enter_context(Database(folder).opened()), home / "files")
        faults, network = Faults(world), network or Network()
        other, cdn = world.open_centre(OTHER_DC), world.open_centre(CDN_DC)
        async with (
            _listening(_Listener(world, faults, network, lambda: server_key), world, host, port),
            _listening(_Listener(other, faults, network, lambda: server_key), other, host, 0),
            _listening(_Listener(cdn, faults, network, world.cdn.server_key), cdn, host, 0),
        ):
            yield Loopback(world, faults, network, home / "key.pub.pem")


@asynccontextmanager
async def _listening(listener: _Listener, world: World, host: str, port: int) -> AsyncIterator[None]:
    """Serve one data centre while the block runs."""
    server = await asyncio.get_running_loop().create_server(lambda: Socket(listener.accept), host, port)
    try:
        world.address = (host, server.sockets[0].getsockname()[1])
        yield
    finally:
        server.close()
        await listener.end()
        await server.wait_closed()


@functools.cache
def _fresh_key() -> crypto.ServerKey:
    """The key of all new servers in this process: making one takes longer than all the rest."""
    return crypto.make_server_key()


def _prepare(home: Path) -> crypto.ServerKey:
    """Make the folders and the server's key where there are none; returns the key."""
    (home / "files").mkdir(mode=0o700, parents=True, exist_ok=True)
    private = home / "key.pem"
    if private.exists():
        return crypto.load_server_key(private.read_bytes())
    key = _fresh_key()
    (home / "key.pub.pem").write_bytes(key.public_pem)
    half = home / "key.half"
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key.private_pem)
    half.replace(private)
    return key
