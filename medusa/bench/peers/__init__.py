"""The clients that are measured: one module each with a constant PEER, which a child process of its own runs."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Server:
    """The embedded Telegram as a client needs it; ``control`` is the port of its control socket."""

    host: str
    port: int
    dc_id: int
    key_file: str
    modulus: int
    exponent: int
    fingerprint: int
    phone: str
    code: str
    control: int
    source: int
    """The port of the web server that hands out the random data."""


class Client(Protocol):
    """A client that is logged in."""

    async def upload(self, path: Path) -> Any:
        """Send a file's parts and return what names them."""

    async def post(self, uploaded: Any) -> None:
        """Post what was uploaded to Saved Messages, as a document."""

    async def find(self) -> Any:
        """The message in Saved Messages that was posted last."""

    async def download(self, message: Any, path: Path) -> None:
        """Fetch a message's file into a new file at ``path``."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A client to be measured: what it is called, the distribution that it stands in, and how it logs in."""

    label: str
    distribution: str
    modules: tuple[str, ...]
    """What has to be importable for it to run at its own best."""
    connect: Callable[[Server, Path], AbstractAsyncContextManager[Client]]
    """Logs in; the second argument is an empty folder for what it has to keep."""
    own: bool = False
    """Whether it is Medusa itself, which runs in Medusa's environment."""
