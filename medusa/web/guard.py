"""Keeps other web pages away from a page on loopback."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Container

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TOKEN = web.AppKey("token", str)
"""The secret that the page carries and every POST brings back in the header ``X-Token``."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "
)
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With no-referrer, browsers would call the origin of a form null.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


def protect(app: web.Application) -> None:
    """Give ``app`` its token, its checks and its headers.

    The Host check stops DNS rebinding, Origin and token stop forms and scripts of other sites, and the policy stops
    everything that a message could smuggle into the page.
    """
    app[TOKEN] = secrets.token_urlsafe(32)
    app.middlewares.append(_check)
    add_headers(app, forms=False)


def add_headers(app: web.Application, *, forms: bool) -> None:
    """Give each answer of ``app`` the headers that keep strangers' words and pages from doing harm.

    Nothing but files of the page's own origin is loaded and run; ``forms`` says whether it may also be sent forms.
    """
    headers = {**_HEADERS, "Content-Security-Policy": _POLICY + ("'self'" if forms else "'none'")}

    async def add(_request: web.Request, response: web.StreamResponse) -> None:
        for name, value in headers.items():
            response.headers.setdefault(name, value)

    app.on_response_prepare.append(add)


def from_own_page(request: web.Request, origins: Container[str]) -> bool:
    """Whether a page of one of these origins has sent the request, as far as the browser says."""
    return (
        request.headers.get("Origin") in origins
        and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    )


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
    return from_own_page(request, [f"http://{request.host}"]) and hmac.compare_digest(
        request.headers.get("X-Token", "").encode("utf-8", "replace"), request.app[TOKEN].encode()
    )
