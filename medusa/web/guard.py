"""Keeps other web pages away from a page on loopback."""

import hmac
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TOKEN = web.AppKey("token", str)
"""The secret that the page carries and every POST brings back in the header ``X-Token``."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def protect(app: web.Application) -> None:
    """Give ``app`` its token, its checks and its headers.

    The Host check stops DNS rebinding, Origin and token stop forms and scripts of other sites, and the policy stops
    everything that a message could smuggle into the page.
    """
    app[TOKEN] = secrets.token_urlsafe(32)
    app.middlewares.append(_check)
    app.on_response_prepare.append(_add_headers)


@web.middleware
async def _check(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.host not in _own_hosts(request):
        raise web.HTTPForbidden(text="This page answers to its own address only.\n")
    if request.method not in ("GET", "HEAD") and not _from_own_page(request):
        raise web.HTTPForbidden(text="This request did not come from the page.\n")
    return await handler(request)


def _own_hosts(request: web.Request) -> tuple[str, str]:
    transport = request.transport
    port = transport.get_extra_info("sockname")[1] if transport else 0
    return (f"127.0.0.1:{port}", f"localhost:{port}")


def _from_own_page(request: web.Request) -> bool:
    return (
        request.headers.get("Origin") == f"http://{request.host}"
        and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
        and hmac.compare_digest(request.headers.get("X-Token", "").encode(), request.app[TOKEN].encode())
    )


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
