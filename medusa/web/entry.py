"""Who a request is from: cookies, tokens of forms, and the ways in and out."""

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from aiohttp import web

from medusa.door import Door, Session
from medusa.web.site import Site

_LASTS = 14 * 24 * 3600
"""Seconds for which browsers keep the cookie; whether it is worth anything is said by the door."""


class Entry:
    """Knows visitors by the cookie ``medusa``, which holds a session's token, or anything before there is one.

    The token of a form is made of that cookie and a secret of this process, so that it fits one browser and one
    session, and nothing has to be kept.
    """

    def __init__(self, door: Door, site: Site) -> None:
        self._door = door
        self._site = site
        self._secret = secrets.token_bytes(32)

    async def session(self, request: web.Request) -> Session | None:
        """Whose request this is; None for whoever is not logged in."""
        held = self._held(request)
        return await self._door.session(held) if held else None

    def csrf(self, request: web.Request) -> tuple[str, str]:
        """The cookie that a browser holds, or is to hold, and the token that goes with it."""
        held = self._held(request) or secrets.token_urlsafe(32)
        return held, self._token(held)

    def fits(self, request: web.Request, token: str) -> bool:
        """Whether a form was made for the browser that sends it."""
        held = self._held(request)
        return bool(held) and hmac.compare_digest(self._token(held).encode(), token.encode("utf-8", "replace"))

    def keep(self, request: web.Request, response: web.StreamResponse, held: str) -> None:
        """Have the browser hold this cookie, and no page or other site read or send it."""
        secure = self._site.encrypted(request)
        response.set_cookie(
            self._name(request), held, max_age=_LASTS, path="/", httponly=True, samesite="Strict", secure=secure
        )

    def drop(self, request: web.Request, response: web.StreamResponse) -> None:
        """Have the browser forget the cookie."""
        response.del_cookie(self._name(request), path="/", httponly=True, samesite="Strict")

    def _held(self, request: web.Request) -> str:
        held = request.cookies.get(self._name(request), "")
        return held if 0 < len(held) <= 100 else ""

    def _name(self, request: web.Request) -> str:
        # Cookies do not tell ports apart: two panels on one machine would log each other out.
        if self._site.encrypted(request):
            return "__Host-medusa"
        return f"medusa-{request.url.port}"

    def _token(self, held: str) -> str:
        return hmac.new(self._secret, held.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def way_back(text: str) -> str:
    """A path of the panel to go to after the login; anything else becomes the first page."""
    parts = urlsplit(text)
    if parts.scheme or parts.netloc or not text.startswith("/") or text.startswith(("//", "/\\", "/enter", "/login")):
        return "/"
    return text if text.isascii() and text.isprintable() and len(text) < 500 else "/"
