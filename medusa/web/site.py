"""Under which names the panel is known, and where a request comes from."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa.config import Config
from medusa.errors import UserError

if TYPE_CHECKING:
    from aiohttp import web


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Site:
    """The names by which browsers may address the panel.

    ``origins`` are scheme, host and port as browsers write them in ``Origin``, ``hosts`` the same without the scheme.
    ``address`` is the one that people are given. What ``proxies`` say of where a request comes from is believed.
    """

    address: str
    origins: frozenset[str]
    hosts: frozenset[str]
    proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    def client(self, request: "web.Request") -> str:
        """The address of whoever sent the request; of several proxies in a row, what the trusted ones say."""
        seen = _address(request.remote or "")
        for named in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
            if not self._trusts(seen) or (said := _address(named.strip())) is None:
                break
            seen = said
        return str(seen)

    def encrypted(self, request: "web.Request") -> bool:
        """Whether the browser has sent the request over TLS."""
        forwarded = request.headers.get("X-Forwarded-Proto", "").strip().lower()
        return request.secure or (forwarded == "https" and self._trusts(_address(request.remote or "")))

    def _trusts(self, address: _Address | None) -> bool:
        return address is not None and any(address in network for network in self.proxies)


def _address(text: str) -> _Address | None:
    """An address; one of IPv4 that stands in one of IPv6, as it does in sockets for both, is the former."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def site_of(config: Config, host: str, port: int) -> Site:
    """The site of a panel that listens at this address. Raises UserError where that would leave it open."""
    bound = _address(host)
    loopback = host == "localhost" or (bound is not None and bound.is_loopback)
    if not loopback and config.panel_tls is None and not config.panel_proxy:
        raise UserError(
            f"The panel would be open to the network without TLS at {host}:{port}. "
            "Set MEDUSA_PANEL_TLS, or MEDUSA_PANEL_PROXY when it stands behind a proxy."
        )
    names = ["127.0.0.1", "localhost", "[::1]"]
    if not loopback and not (bound is not None and bound.is_unspecified):
        names.insert(0, f"[{host}]" if bound is not None and bound.version == 6 else host)
    scheme = "https" if config.panel_tls else "http"
    origins = [f"{scheme}://{name}{_port(scheme, port)}" for name in names]
    if config.panel_url:
        origins.insert(0, config.panel_url)
    proxies = tuple(ipaddress.ip_network(one) for one in config.panel_proxy)
    return Site(origins[0], frozenset(origins), _hosts(origins), proxies)


def _hosts(origins: Sequence[str]) -> frozenset[str]:
    return frozenset(origin.partition("://")[2] for origin in origins)


def _port(scheme: str, port: int) -> str:
    return "" if port == {"http": 80, "https": 443}[scheme] else f":{port}"
