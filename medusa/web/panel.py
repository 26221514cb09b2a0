"""Serves the panel: which request is answered by what, and what none may do."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from medusa.commands import Desk
from medusa.commands.parsing import names_secret
from medusa.discover import plugins
from medusa.door import Session, TooMany
from medusa.errors import MedusaError, UserError
from medusa.model import Person, Role
from medusa.settings import OTHERS
from medusa.storage import Store
from medusa.web.acting import obey
from medusa.web.entry import Entry, way_back
from medusa.web.guard import add_headers, from_own_page
from medusa.web.live import Streams
from medusa.web.page import Fields, Page, Visit
from medusa.web.render import render
from medusa.web.site import Site

log = structlog.get_logger()

LARGEST_FORM = 256 * 1024
"""Bytes of a form; 1,000 links fit in."""
_PATIENCE = 15.0
"""Seconds that a browser may take to send a form."""
_MOST_SAID = 100
"""Answers that are remembered until the page is fetched that shows them."""
_MOST_TYPED = 20_000
"""Characters of a refused form that are remembered with the answer."""
_Said = tuple[str, bool, Fields]
"""What a command has answered, whether it was refused, and what stood in its form then."""
_FIELDS = web.RequestKey("fields", Fields)
_STATIC = Path(__file__).parent / "static"


class Panel:
    """The panel for ``desk``, which lets in by its door."""

    def __init__(self, desk: Desk, store: Store, site: Site) -> None:
        self._desk = desk
        self._door = door = desk.door
        self._site = site
        self._entry = Entry(door, site)
        self._streams = Streams(desk.scheduler, store, door)
        self._said: OrderedDict[tuple[str, str], _Said] = OrderedDict()
        """By the session's token and a key."""
        self._pages = plugins("medusa.web.pages", "PAGE", Page)
        self._menu = sorted((page for page in self._pages.values() if page.place), key=lambda page: page.place)

    def application(self) -> web.Application:
        """What answers requests."""
        app = web.Application(middlewares=[self._speak, self._check], client_max_size=LARGEST_FORM)
        add_headers(app, forms=True)
        app.add_routes(
            [
                web.get("/login", self._login_page),
                web.post("/login", self._login),
                web.get("/enter/{token}", self._link_page),
                web.post("/enter/{token}", self._enter),
                web.post("/logout", self._logout),
                web.get("/events", self._events),
                web.static("/static", _STATIC),
            ]
        )
        for name, page in self._pages.items():
            app.router.add_get(page.path, self._shower(f"{name}.html", page))
            if page.picture is not None:
                app.router.add_get(f"{page.path}/{{number:[0-9]+}}.jpg", self._picturer(page))
            if page.commands:
                app.router.add_post(page.path, self._doer(page))
        return app

    @web.middleware
    async def _speak(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn every refusal into a page with one or two lines."""
        try:
            return await handler(request)
        except TooMany as error:
            headers = {"Retry-After": str(round(error.after) + 1)}
            return self._trouble(request, HTTPStatus.TOO_MANY_REQUESTS, error.user_text, headers)
        except UserError as error:
            return self._trouble(request, HTTPStatus.NOT_FOUND, error.user_text)
        except MedusaError as error:
            return self._trouble(request, HTTPStatus.SERVICE_UNAVAILABLE, error.user_text)
        except web.HTTPRedirection:
            raise
        except web.HTTPException as error:
            headers = {name: error.headers[name] for name in ("Retry-After", "Allow") if name in error.headers}
            return self._trouble(request, HTTPStatus(error.status), _WORDS.get(error.status, error.reason), headers)

    def _trouble(
        self, request: web.Request, status: HTTPStatus, text: str, headers: dict[str, str] | None = None
    ) -> web.Response:
        if request.path == "/events" or request.path.startswith("/static"):
            return web.Response(status=status, text=f"{text}\n", headers=headers)
        body = render("trouble.html", title=status.phrase, text=text)
        return web.Response(status=status, text=body, content_type="text/html", headers=headers)

    @web.middleware
    async def _check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what comes under another name, from another page, or without the token of a form."""
        if request.host.lower() not in self._site.hosts:
            raise web.HTTPMisdirectedRequest
        if request.method in ("GET", "HEAD"):
            return await handler(request)
        if not from_own_page(request, self._site.origins):
            raise web.HTTPForbidden
        if request.content_type != "application/x-www-form-urlencoded":
            raise web.HTTPUnsupportedMediaType
        fields = await _fields(request)
        if not self._entry.fits(request, fields.get("csrf", "")):
            raise web.HTTPForbidden
        request[_FIELDS] = fields
        return await handler(request)

    async def _known(self, request: web.Request) -> tuple[Session, Person] | None:
        session = await self._entry.session(request)
        person = self._desk.access.person(session.person) if session else None
        heard = person is not None and (not person.id or self._desk.settings[OTHERS])
        return (session, person) if session and person and heard and person.role >= Role.ADMIN else None

    async def _member(self, request: web.Request) -> tuple[Session, Person]:
        """Whoever is logged in, and is an admin at least; all others are sent to the login."""
        if (member := await self._known(request)) is not None:
            return member
        if request.path == "/events":
            raise web.HTTPUnauthorized
        back = request.path_qs if request.method == "GET" and request.path != "/" else ""
        raise web.HTTPSeeOther("/login" + (f"?{urlencode({'to': back})}" if back else ""))

    def _shower(self, template: str, page: Page) -> Handler:
        async def show(request: web.Request) -> web.StreamResponse:
            session, person = await self._member(request)
            _expect(person, page)
            said = self._said.get((session.token, request.query.get("said", "")), ("", False, {}))
            visit = Visit(request, session, person, self._desk, self._entry.csrf(request)[1], *said)
            given = await page.show(visit)
            text = render(
                template, visit=visit, page=page, menu=[one for one in self._menu if one.role <= person.role], **given
            )
            return web.Response(text=text, content_type="text/html")

        return show

    def _picturer(self, page: Page) -> Handler:
        async def give(request: web.Request) -> web.StreamResponse:
            session, person = await self._member(request)
            _expect(person, page)
            body = await page.picture(Visit(request, session, person, self._desk, "")) if page.picture else None
            if body is None:
                raise web.HTTPNotFound
            headers = {"Cache-Control": "private, max-age=86400"}
            return web.Response(body=body, content_type="image/jpeg", headers=headers)

        return give

    def _doer(self, page: Page) -> Handler:
        async def act(request: web.Request) -> web.StreamResponse:
            session, person = await self._member(request)
            _expect(person, page)
            fields: Fields = request[_FIELDS]
            said: _Said
            try:
                line = page.words(fields) if page.words and "do" not in fields else fields.get("do", "")
                said = (await obey(self._desk, person, line, page.commands), False, {})
            except MedusaError as error:
                said = (error.user_text, True, self._typed(page, fields))
            query = {name: value for name, value in request.query.items() if name != "said"}
            if said[0]:
                query["said"] = self._remember(session, said)
            raise web.HTTPSeeOther(str(request.rel_url.with_query(query)))

        return act

    def _typed(self, page: Page, fields: Fields) -> Fields:
        """What may be shown again of a form: no secret, and nothing that takes much memory."""
        text = " ".join(fields.values())
        commands = [self._desk.commands[name] for name in page.commands]
        secret = any(one.secret or names_secret(text, one.options) for one in commands)
        return {} if secret or len(text) > _MOST_TYPED else fields

    def _remember(self, session: Session, said: _Said) -> str:
        key = secrets.token_urlsafe(6)
        self._said[session.token, key] = said
        if len(self._said) > _MOST_SAID:
            self._said.popitem(last=False)
        return key

    async def _login_page(self, request: web.Request) -> web.StreamResponse:
        if await self._known(request) is not None:
            raise web.HTTPSeeOther("/")
        to = way_back(request.query.get("to", "/"))
        return self._at_the_door(request, "login.html", to=to, password=await self._door.has_password())

    async def _link_page(self, request: web.Request) -> web.StreamResponse:
        """The page behind a link. It lets nobody in yet, for previews and scanners follow links, too."""
        return self._at_the_door(request, "enter.html")

    def _at_the_door(self, request: web.Request, template: str, **given: object) -> web.StreamResponse:
        held, csrf = self._entry.csrf(request)
        response = web.Response(text=render(template, csrf=csrf, **given), content_type="text/html")
        self._entry.keep(request, response, held)
        return response

    async def _login(self, request: web.Request) -> web.StreamResponse:
        fields: Fields = request[_FIELDS]
        password, client = fields.get("password", ""), self._site.client(request)
        return await self._welcome(request, self._door.enter_by_password(password, client), fields.get("to", "/"))

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        entering = self._door.enter_by_link(request.match_info["token"], self._site.client(request))
        return await self._welcome(request, entering, "/")

    async def _welcome(self, request: web.Request, entering: Awaitable[Session], to: str) -> web.StreamResponse:
        """Let somebody in, with a cookie that nobody knew before."""
        try:
            session = await entering
            entered = self._desk.access.person(session.person)
            if entered is not None:
                await self._desk.access.note(entered, "login", "panel")
        except TooMany:
            raise
        except UserError as error:
            return self._trouble(request, HTTPStatus.FORBIDDEN, error.user_text)
        former = await self._entry.session(request)
        if former is not None:
            await self._door.leave(former)
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": way_back(to)})
        self._entry.keep(request, response, session.token)
        return response

    async def _logout(self, request: web.Request) -> web.StreamResponse:
        session, _ = await self._member(request)
        if request[_FIELDS].get("everywhere"):
            await self._door.leave_all(session.person)
        else:
            await self._door.leave(session)
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/login"})
        self._entry.drop(request, response)
        return response

    async def _events(self, request: web.Request) -> web.StreamResponse:
        session, _ = await self._member(request)
        return await self._streams.serve(request, session)


_WORDS = {
    403: "This did not come from a page of the panel, or the page is too old. Go back, reload it and try again.",
    404: "There is no such page.",
    405: "That is not how this page is asked.",
    413: "That is too much for one form.",
    415: "That is no form.",
    421: "The panel does not answer under this name. Open it by the address of /panel, or set MEDUSA_PANEL_URL.",
    408: "That took too long.",
}
"""What is said for a status."""


def _expect(person: Person, page: Page) -> None:
    if person.role < page.role:
        raise UserError("This page is for the owner.")


async def _fields(request: web.Request) -> Fields:
    try:
        async with asyncio.timeout(_PATIENCE):
            form = await request.post()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except ValueError:
        raise web.HTTPBadRequest from None
    return {name: value for name, value in form.items() if isinstance(value, str)}
