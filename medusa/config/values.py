"""The values of settings: their types and how they are read from text.

A parser takes the text and the folder at which relative paths start. It raises ValueError, KeyError or RuntimeError
when the text has not the accepted form; what that form is stands in the table of fields.
"""

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy on the way to Telegram; ``scheme`` is ``socks5``, ``socks4`` or ``http``."""

    scheme: str
    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class DataCentre:
    """A Telegram data centre (DC) that takes the place of the built-in first one."""

    id: int
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: an address of this machine, and a port."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether nobody but this machine reaches it."""
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Slots:
    """How many jobs may fetch, be processed and upload at the same time, and how many may ask yt-dlp about a page."""

    fetch: int
    process: int
    upload: int
    extract: int = 1


_EXTRACTION = 1.5 * 2**30
"""Bytes of a machine's memory for each look at a page: yt-dlp with a JavaScript runtime may take a third of it."""


def default_slots(cores: int, memory: int) -> Slots:
    """Choose slots for a machine with ``cores`` processors and ``memory`` bytes of RAM."""
    if memory < 1.5 * 2**30:
        return Slots(fetch=1, process=1, upload=1)
    fetch = min(4, max(2, cores))
    extract = min(fetch, int(memory / _EXTRACTION))
    return Slots(fetch, process=min(4, max(1, cores // 2)), upload=2, extract=extract)


def machine_slots() -> Slots:
    """Choose slots for this machine."""
    return default_slots(os.cpu_count() or 1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _match(pattern: str, text: str) -> str:
    if not re.fullmatch(pattern, text, re.ASCII):
        raise ValueError
    return text


def matching(pattern: str) -> Callable[[str, Path], str]:
    """Make a parser of texts that match a pattern as a whole."""
    return lambda text, _base: _match(pattern, text)


def api_id(text: str, _base: Path) -> int:
    """Read an application id, a positive 32-bit number."""
    number = int(_match(r"[0-9]{1,10}", text))
    if not 0 < number < 2**31:
        raise ValueError
    return number


def session_string(text: str, _base: Path) -> str:
    """Read a session string of Telethon (version 1, with an IPv4 or IPv6 address in it)."""
    # The padding at the end is easily lost in copying; what it would say is known.
    return _match(r"1([\w-]{351}|[\w-]{367})=", text.rstrip("=") + "=")


def yes_no(text: str, _base: Path) -> bool:
    """Read a switch."""
    return {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}[text.lower()]


def path(text: str, base: Path) -> Path:
    """Read a path, which need not exist."""
    return (base / Path(text).expanduser()).resolve()


def existing_file(text: str, base: Path) -> Path:
    """Read the path of a file that exists."""
    file = path(text, base)
    if not file.is_file():
        raise ValueError
    return file


def _port(text: str) -> int:
    port = int(_match(r"[0-9]{1,5}", text))
    if not 0 < port < 2**16:
        raise ValueError
    return port


def _host(text: str) -> str:
    """Accept an address or a host name; a name of digits and dots alone is a mistyped address."""
    text = text.lower()
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if re.fullmatch(r"[0-9.]+", text):
            raise
    return _match(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*", text)


def proxy(text: str, _base: Path) -> Proxy:
    """Read the URL of a proxy."""
    parts = urlsplit(text)
    if parts.scheme not in {"socks5", "socks4", "http"} or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return Proxy(parts.scheme, _host(parts.hostname or ""), _port(str(parts.port)), username, password)


def data_centre(text: str, _base: Path) -> DataCentre:
    """Read ``ID,HOST,PORT``."""
    number, host, port = (part.strip() for part in text.split(","))
    return DataCentre(int(_match(r"[1-9][0-9]{0,2}", number)), _host(host), _port(port))


def slots(text: str, _base: Path) -> Slots:
    """Read ``name=count`` pairs; what is left out keeps the machine's default."""
    counts = asdict(machine_slots())
    for item in text.split(","):
        name, _, count = (part.strip() for part in item.partition("="))
        if name not in counts:
            raise ValueError
        counts[name] = int(_match(r"[1-9]|[12][0-9]|3[0-2]", count))
    return Slots(**counts)


def _allowed(text: str) -> str:
    """Check one entry of the allow list: a network, a host or address, or one of these with a port."""
    try:
        return str(ipaddress.ip_network(text)) if "/" in text else _host(text)
    except ValueError:
        host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        return f"[{ipaddress.IPv6Address(host[1:-1])}]:{_port(port)}"
    return f"{_host(host)}:{_port(port)}"


def allow(text: str, _base: Path) -> tuple[str, ...]:
    """Read the allow list."""
    return tuple(_allowed(item.strip()) for item in text.split(",") if item.strip())


def size(text: str, _base: Path) -> int:
    """Read a size with its unit into bytes: KB is 1000, KiB 1024."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(?:([KMGT])(I?)B?|B)", text.upper(), re.ASCII)
    if not match or float(match[1]) == 0:
        raise ValueError
    return int(float(match[1]) * (1024 if match[3] else 1000) ** " KMGT".index(match[2] or " "))


def address(text: str, _base: Path) -> Address | None:
    """Read where to listen: ``ADDRESS:PORT``, a port alone for loopback, or ``off``."""
    if text.lower() in ("off", "no"):
        return None
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else "127.0.0.1"
    return Address("localhost" if host == "localhost" else str(ipaddress.ip_address(host)), _port(port))


def log_format(text: str, _base: Path) -> str:
    """Read how the log is written."""
    return _match("console|json", text.lower())


def origin(text: str, _base: Path) -> str:
    """Read the address of a page without any path: ``https://medusa.example.org``."""
    parts = urlsplit(text.rstrip("/"))
    if parts.scheme not in {"http", "https"} or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError
    port = "" if parts.port is None else f":{_port(str(parts.port))}"
    return f"{parts.scheme}://{_host(parts.hostname or '')}{port}"


def two_files(text: str, base: Path) -> tuple[Path, Path]:
    """Read the paths of two files that exist, with a comma between."""
    first, second = (existing_file(part.strip(), base) for part in text.split(","))
    return first, second


def networks(text: str, _base: Path) -> tuple[str, ...]:
    """Read addresses and networks, with commas between."""
    return tuple(str(ipaddress.ip_network(part.strip())) for part in text.split(","))


def level(text: str, _base: Path) -> str:
    """Read the name of a log level."""
    return _match("DEBUG|INFO|WARNING|ERROR", text.upper())
