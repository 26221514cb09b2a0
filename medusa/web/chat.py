"""The demo's chat page: what the owner's phone sees, in a browser on this machine."""

import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from medusa.errors import MedusaError, UserError
from medusa.names import safe_file_name
from medusa.telegram.phone import Change, File, Phone
from medusa.web.guard import TOKEN, Handler, protect
from medusa.web.render import render
from medusa.web.streaming import begin, pour

_HERE = Path(__file__).parent
_PHONE = web.AppKey("phone", Phone)
_SUGGESTIONS = web.AppKey("suggestions", tuple)
_MAX_ATTACHMENT = 512 * 1024 * 1024
_SHOWN_INLINE = (
    "video/mp4",
    "video/webm",
    "audio/mpeg",
    "audio/mp4",
    "audio/ogg",
    "image/jpeg",
    "image/png",
    "image/gif",
)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A command to try by a click; ``group`` is the heading that it stands under.

    Where ``reply`` is not 0, it is sent in reply to a video of the chat: 1 is the last one, 2 the one before.
    """

    command: str
    title: str
    about: str
    group: str
    reply: int = 0


@asynccontextmanager
async def serve_chat(
    phone: Phone, suggestions: Sequence[Suggestion] = (), ports: Sequence[int] = (0,)
) -> AsyncIterator[str]:
    """Serve the page for ``phone`` on 127.0.0.1 until the block ends; yields its address.

    The first of ``ports`` that is free is taken; 0 is any. Raises UserError when none is.
    """
    runner = web.AppRunner(
        _application(phone, tuple(suggestions)), access_log=None, handler_cancellation=True, shutdown_timeout=0.5
    )
    await runner.setup()
    try:
        await _listen(runner, ports)
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, ports: Sequence[int]) -> None:
    for port in ports:
        with contextlib.suppress(OSError):
            return await web.TCPSite(runner, "127.0.0.1", port).start()
    raise UserError(f"Port {ports[-1]} is taken or not allowed. Choose another one for the chat page.")


def _application(phone: Phone, suggestions: tuple[Suggestion, ...]) -> web.Application:
    app = web.Application(middlewares=[_say_errors])
    app[_PHONE] = phone
    app[_SUGGESTIONS] = suggestions
    protect(app)
    app.add_routes(
        [
            web.get("/", _page),
            web.static("/static", _HERE / "static"),
            web.get("/api/chats", _chats),
            web.get(r"/api/chats/{chat:-?\d+}", _history),
            web.get("/api/events", _events),
            web.post("/api/send", _send),
            web.get(r"/file/{chat:-?\d+}/{id:\d+}", _file),
            web.get(r"/thumb/{chat:-?\d+}/{id:\d+}", _thumb),
        ]
    )
    return app


@web.middleware
async def _say_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except MedusaError as error:
        return web.json_response({"error": error.user_text}, status=409)


async def _page(request: web.Request) -> web.Response:
    groups: dict[str, list[Suggestion]] = {}
    for one in request.app[_SUGGESTIONS]:
        groups.setdefault(one.group, []).append(one)
    name = request.app[_PHONE].name
    text = render("chat.html", token=request.app[TOKEN], groups=groups, name=name)
    return web.Response(text=text, content_type="text/html")


async def _chats(request: web.Request) -> web.Response:
    return web.json_response([asdict(chat) for chat in await request.app[_PHONE].chats()])


async def _history(request: web.Request) -> web.Response:
    found = await request.app[_PHONE].history(int(request.match_info["chat"]))
    return web.json_response([asdict(message) for message in found])


async def _events(request: web.Request) -> web.StreamResponse:
    """All changes as server-sent events; the first one, ``ready``, says that nothing after it is missed."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    with request.app[_PHONE].changes() as changes:
        await response.prepare(request)
        await response.write(b"event: ready\ndata: {}\n\n")
        async for change in changes:
            await response.write(_event(change))
    return response


def _event(change: Change) -> bytes:
    return f"event: change\ndata: {json.dumps(asdict(change))}\n\n".encode()


async def _send(request: web.Request) -> web.Response:
    """Send what the form says: ``chat``, ``text``, and if wanted ``reply_to`` and a ``file`` as the last field."""
    if not request.content_type.startswith("multipart/"):
        raise web.HTTPUnsupportedMediaType
    fields: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="medusa-attach-") as folder:
        file: Path | None = None
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise web.HTTPBadRequest(text="A form within a form is not understood.\n")
            if part.name == "file":
                file = await _keep(part, Path(folder))
            else:
                fields[part.name or ""] = (await part.read_chunk(64 * 1024)).decode("utf-8", "replace")
        message_id = await _send_fields(request.app[_PHONE], fields, file)
    return web.json_response({"id": message_id})


async def _send_fields(phone: Phone, fields: dict[str, str], file: Path | None) -> int:
    try:
        chat = int(fields.get("chat", ""))
        reply_to = int(fields["reply_to"]) if fields.get("reply_to") else None
    except ValueError:
        raise web.HTTPBadRequest(text="Chat and reply_to are numbers.\n") from None
    text = fields.get("text", "").strip()
    if not text and file is None:
        raise UserError("There is nothing to send.")
    return await phone.send(chat, text, file, reply_to)


async def _keep(part: BodyPartReader, folder: Path) -> Path:
    path = folder / safe_file_name(part.filename or "", fallback="file")
    kept = 0
    with path.open("wb") as out:
        while chunk := await part.read_chunk(256 * 1024):
            kept += len(chunk)
            if kept > _MAX_ATTACHMENT:
                raise UserError("The demo takes attachments of up to 512 MB.")
            out.write(chunk)
    return path


async def _file(request: web.Request) -> web.StreamResponse:
    """A posted file, whole or by range, so that videos can be played and wound."""
    phone = request.app[_PHONE]
    chat, message_id = int(request.match_info["chat"]), int(request.match_info["id"])
    message = await phone.message(chat, message_id)
    if message is None or message.file is None:
        raise web.HTTPNotFound(text="There is no such file.\n")
    response, start, stop = await begin(request, message.file.size, _file_headers(message.file))
    if request.method != "HEAD" and stop > start:
        async with aclosing(phone.download(chat, message_id, start, stop - start)) as chunks:
            await pour(response, chunks)
    return response


def _file_headers(file: File) -> dict[str, str]:
    """Headers under which a stranger's file does no harm: only plain media are shown, all else is saved."""
    inline = file.mime in _SHOWN_INLINE
    return {
        "Content-Type": file.mime if inline else "application/octet-stream",
        "Content-Disposition": f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(file.name, safe='')}",
    }


async def _thumb(request: web.Request) -> web.Response:
    data = await request.app[_PHONE].thumb(int(request.match_info["chat"]), int(request.match_info["id"]))
    if data is None or not data.startswith(b"\xff\xd8"):
        raise web.HTTPNotFound(text="There is no thumbnail.\n")
    return web.Response(body=data, content_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})
