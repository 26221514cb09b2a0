"""Tells tools how Medusa is: /healthz, /readyz and /metrics, on a port of their own or as routes of another server."""

import errno
import hmac
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from medusa.config import Address
from medusa.errors import UserError
from medusa.gauges import Gauges
from medusa.observe.metrics import REGISTRY
from medusa.vitals import Vitals

_PLAIN = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
"""What a proxy on this machine adds for those who are not."""


def routes(vitals: Vitals, gauges: Gauges, token: str | None) -> list[web.RouteDef]:
    """The three pages. /healthz is for everybody; the others are for this machine and whoever knows the ``token``."""

    def guarded(handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            if not (_from_here(request) or _knows(request, token)):
                text = "Only this machine, or whoever sends MEDUSA_METRICS_TOKEN, may look at this.\n"
                raise web.HTTPUnauthorized(text=text, headers={**_PLAIN, "WWW-Authenticate": "Bearer"})
            return await handler(request)

        return answer

    async def live(_request: web.Request) -> web.Response:
        """That this is answered says all: the event loop turns."""
        return web.json_response({"status": "ok"}, headers=_PLAIN)

    async def ready(_request: web.Request) -> web.Response:
        checks = await vitals.ready()
        well = all(check.well for check in checks)
        told = {check.name.lower(): {"ok": check.well, "reason": check.seen} for check in checks}
        body = {"status": "ok" if well else "unready", "checks": told}
        return web.json_response(body, status=200 if well else 503, headers=_PLAIN)

    async def metrics(_request: web.Request) -> web.Response:
        await vitals.ready()
        await gauges.read()
        return web.Response(
            body=generate_latest(REGISTRY), headers={**_PLAIN, "Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        )

    return [web.get("/healthz", live), web.get("/readyz", guarded(ready)), web.get("/metrics", guarded(metrics))]


@asynccontextmanager
async def serve_health(vitals: Vitals, gauges: Gauges, where: Address, token: str | None) -> AsyncIterator[None]:
    """Serve nothing but these pages while the block runs. Raises UserError when the port can't be had."""
    app = web.Application()
    app.add_routes(routes(vitals, gauges, token))
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, where.host, where.port).start()
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"can't be had ({error.strerror})"
            words = f"MEDUSA_METRICS: {where} {why}. Choose another port, or end what listens there."
            raise UserError(words) from error
        yield
    finally:
        await runner.cleanup()


def _from_here(request: web.Request) -> bool:
    """Whether it comes from this machine, for itself, and not from a page that has had its name point here."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        named = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return False
    return _is_loopback(request.remote or "") and _is_loopback(named)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _knows(request: web.Request, token: str | None) -> bool:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if not token or kind.lower() != "bearer":
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())
