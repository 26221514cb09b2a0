"""Tells open pages, by server-sent events, that something has happened to the jobs."""

import asyncio

from aiohttp import web

from medusa.door import Door, Session
from medusa.model import Job
from medusa.scheduler import Scheduler

MOST_STREAMS = 40
"""Open pages that are told; further ones ask by themselves every few seconds."""
_PAUSE = 1.0
"""Seconds between two events at least, and between two on how far jobs are."""
_STILL_HERE = 15
"""Looks without an event after which a comment says that the connection is alive, and the session is looked at."""
_PATIENCE = 10.0
"""Seconds that a browser may take to read what it is sent."""


class Streams:
    """The streams of events that are open."""

    def __init__(self, scheduler: Scheduler, door: Door) -> None:
        self._scheduler = scheduler
        self._door = door
        self._changes = 0
        self._open = 0
        scheduler.listeners.append(self._changed)

    def _changed(self, _job: Job) -> None:
        self._changes += 1

    async def serve(self, request: web.Request, session: Session) -> web.StreamResponse:
        """Send ``jobs`` whenever something happens to them, until the browser leaves or the session ends."""
        if self._open >= MOST_STREAMS:
            raise web.HTTPServiceUnavailable(text="Too many pages are open.\n", headers={"Retry-After": "30"})
        self._open += 1
        try:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
            async with asyncio.timeout(_PATIENCE):
                await response.prepare(request)
                await response.write(b"retry: 5000\nevent: jobs\ndata:\n\n")
            await self._tell(response, session)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            self._open -= 1
        return response

    async def _tell(self, response: web.StreamResponse, session: Session) -> None:
        told, quiet = self._changes, 0
        while True:
            await asyncio.sleep(_PAUSE)
            quiet += 1
            news = b""
            if self._changes != told or self._scheduler.live():
                told, news = self._changes, b"event: jobs\ndata:\n\n"
            if quiet % _STILL_HERE == 0:
                if await self._door.session(session.token) is None:
                    return
                news = news or b":\n\n"
            if news:
                async with asyncio.timeout(_PATIENCE):
                    await response.write(news)
