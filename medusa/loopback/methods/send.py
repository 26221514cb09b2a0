"""Sends texts and media."""

import re
from typing import Any

from telethon.tl import functions, types

from medusa.loopback import media
from medusa.loopback.accounts import random_long
from medusa.loopback.call import Call, Methods
from medusa.loopback.posting import Draft, check_text, post, repeated
from medusa.loopback.rpc import RpcFailure

MAX_ALBUM = 10


def _send_message(call: Call, request: Any) -> Any:
    chat = call.chat(request.peer)
    check_text(request.message, request.entities, None)
    draft = Draft(
        request.random_id,
        request.message,
        request.entities,
        reply=request.reply_to,
        extra={"silent": bool(request.silent), "noforwards": bool(request.noforwards)},
    )
    return call.world.bundle(call.me.user_id, post(call, chat, draft), [chat.peer])


def _send_media(call: Call, request: Any) -> Any:
    chat = call.chat(request.peer)
    updates = repeated(call, chat, request.random_id)
    if updates is None:
        call.require_free(chat, "write")
        received = media.receive(call, request.media)
        check_text(request.message, request.entities, received)
        updates = post(call, chat, _media_draft(request, request, received))
    return call.world.bundle(call.me.user_id, updates, [chat.peer])


def _media_draft(request: Any, item: Any, received: Any, grouped_id: int | None = None) -> Draft:
    return Draft(
        item.random_id,
        item.message,
        item.entities,
        received,
        request.reply_to,
        grouped_id=grouped_id,
        extra={"silent": bool(request.silent), "noforwards": bool(request.noforwards)},
    )


def _upload_media(call: Call, request: Any) -> Any:
    call.chat(request.peer)
    return media.receive(call, request.media) or types.MessageMediaEmpty()


def _send_multi_media(call: Call, request: Any) -> Any:
    chat = call.chat(request.peer)
    items = request.multi_media
    if not items:
        raise RpcFailure("MEDIA_EMPTY")
    if len(items) > MAX_ALBUM:
        raise RpcFailure("MULTI_MEDIA_TOO_LONG")
    before = [repeated(call, chat, item.random_id) for item in items]
    new = [item for item, updates in zip(items, before, strict=True) if updates is None]
    received = [_album_media(call, item.media, place) for place, item in enumerate(new)]
    if len({_kind(one) for one in received}) > 1 or (len(items) > 1 and "animation" in map(_kind, received)):
        raise RpcFailure("MEDIA_GROUPED_INVALID")
    for item, one in zip(new, received, strict=True):
        check_text(item.message, item.entities, one)
    group = random_long()
    drafts = iter([_media_draft(request, item, one, group) for item, one in zip(new, received, strict=True)])
    updates = [known if known is not None else post(call, chat, next(drafts)) for known in before]
    return call.world.bundle(call.me.user_id, [one for some in updates for one in some], [chat.peer])


def _album_media(call: Call, offered: Any, place: int) -> Any:
    """Albums take files that the server has already: upload them with ``messages.uploadMedia`` first."""
    if not isinstance(offered, types.InputMediaDocument | types.InputMediaPhoto):
        raise RpcFailure("MEDIA_INVALID")
    try:
        return media.receive(call, offered)
    except RpcFailure as failure:
        # https://core.telegram.org/api/file_reference
        raise RpcFailure(re.sub("^FILE_REFERENCE_", f"FILE_REFERENCE_{place}_", failure.name)) from None


def _kind(received: Any) -> str:
    """What may stand together in an album: photos and videos, music, or plain files; never animations."""
    if isinstance(received, types.MessageMediaPhoto):
        return "visual"
    kinds = {type(one) for one in received.document.attributes}
    if types.DocumentAttributeAnimated in kinds:
        return "animation"
    if types.DocumentAttributeVideo in kinds:
        return "visual"
    return "audio" if types.DocumentAttributeAudio in kinds else "file"


METHODS: Methods = {
    functions.messages.SendMessageRequest: _send_message,
    functions.messages.SendMediaRequest: _send_media,
    functions.messages.UploadMediaRequest: _upload_media,
    functions.messages.SendMultiMediaRequest: _send_multi_media,
}
