"""Tells open pages, by server-sent events, that something has changed."""

import asyncio

from aiohttp import web

from medusa.door import Door, Session
from medusa.scheduler import Scheduler
from medusa.storage import Store

MOST_STREAMS = 40
"""Open pages that are told; further ones ask by themselves every few seconds."""
_PAUSE = 1.0
"""Seconds between two events at least, and between two on how far jobs are."""
_STILL_HERE = 15
"""Looks without an event after which a comment says that the connection is alive, and the session is looked at."""
_CHANGE = b"event: change\ndata:\n\n"
_PATIENCE = 10.0
"""Seconds that a browser may take to read what it is sent."""


class Streams:
    """The streams of events that are open. What has changed is seen by ``store`` having committed something."""

    def __init__(self, scheduler: Scheduler, store: Store, door: Door) -> None:
        self._scheduler = scheduler
        self._store = store
        self._door = door
        self._open = 0

    async def serve(self, request: web.Request, session: Session) -> web.StreamResponse:
        """Send ``change`` whenever there was one, until the browser leaves or the session ends."""
        if self._open >= MOST_STREAMS:
            raise web.HTTPServiceUnavailable(text="Too many pages are open.\n", headers={"Retry-After": "30"})
        self._open += 1
        try:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
            async with asyncio.timeout(_PATIENCE):
                await response.prepare(request)
                await response.write(b"retry: 5000\n" + _CHANGE)
            await self._tell(request, response, session)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            self._open -= 1
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse, session: Session) -> None:
        told, quiet = self._store.commits, 0
        while request.transport is not None:  # there is none once the browser has left
            await asyncio.sleep(_PAUSE)
            quiet += 1
            news = b""
            if self._store.commits != told or self._scheduler.live():
                told, news = self._store.commits, _CHANGE
            if quiet % _STILL_HERE == 0:
                if await self._door.session(session.token) is None:
                    return
                news = news or b":\n\n"
            if news:
                async with asyncio.timeout(_PATIENCE):
                    await response.write(news)
