"""/thumb: give a video another thumbnail, or keep a picture as the thumbnail of all later posts."""

import time
from functools import partial

from medusa.commands import Answer, Call, Command, Later
from medusa.commands.editing import edited, targets
from medusa.commands.ordering import POSTING, SCHEDULING, submit
from medusa.errors import UserError
from medusa.model import Role
from medusa.steps.image import image_in
from medusa.steps.thumb import is_time, read_time
from medusa.storage.thumb import Thumb
from medusa.telegram.messages import Enclosed
from medusa.words import moment

_MOST_BYTES = 10_000_000
_OFF = ("off", "none")


async def _run(call: Call) -> Answer:
    if call.words and call.words[0].lower() in _OFF:
        return await _forgotten(call)
    if call.words:
        return await _at(call)
    if (picture := await _picture(call)) is not None:
        return Later(partial(_kept, call, picture))
    return await _told(call)


async def _at(call: Call) -> Answer:
    """Post files again whose thumbnail is the frame of a time."""
    links, words = await targets(call)
    if len(words) != 1 or not is_time(words[0]):
        raise UserError(f"The frame of which time? For instance: {call.prefix}thumb 1:23")
    edit = {"thumb": read_time(words[0])}
    return await submit(call, [edited(link, call, edit) for link in links], call.options.get("at", ""))


async def _picture(call: Call) -> Enclosed | None:
    """The picture of the message, or else of the one that it replies to. Raises UserError where that has none."""
    message = call.message
    for number in filter(None, (message.message_id, message.reply_to)):
        file = await call.desk.messenger.enclosed(message.chat_id, number, _MOST_BYTES)
        if file is not None:
            return file
    if message.reply_to is not None:
        raise UserError(
            f"Reply with {call.prefix}thumb to a picture, or to a video with a time: {call.prefix}thumb 1:23"
        )
    return None


async def _kept(call: Call, picture: Enclosed) -> str:
    if picture.data is None or image_in(picture.data) is None:
        raise UserError(
            f"That is no picture of at most {_MOST_BYTES // 1_000_000} MB. For the frame of a video, name its time: "
            f"{call.prefix}thumb 1:23"
        )
    made = await call.desk.thumbnail(picture.data)
    await call.desk.thumb.put(Thumb(made, time.time()))
    return f"This picture is the thumbnail of all later posts, until {call.prefix}thumb off."


async def _forgotten(call: Call) -> str:
    if await call.desk.thumb.forget():
        return "The picture is forgotten: each video has a thumbnail of its own again."
    return "No picture was kept: each video has a thumbnail of its own."


async def _told(call: Call) -> str:
    kept = await call.desk.thumb.get()
    if kept is None:
        return (
            f"Each video has a thumbnail of its own. Reply with {call.prefix}thumb to a picture to keep it for all "
            f"later posts, or to a video with a time: {call.prefix}thumb 1:23"
        )
    return f"A picture is the thumbnail of all posts since {moment(kept.at)}, until {call.prefix}thumb off."


COMMAND = Command(
    name="thumb",
    role=Role.ADMIN,
    audited=True,
    aliases=("thumbnail",),
    family="Media",
    about="post a video again with the frame of a time as thumbnail; in reply to a picture: keep it as that of all "
    "later posts",
    usage="TIME in reply to a video, or with links or #JOBS | in reply to a picture | off",
    run=_run,
    options=(*POSTING, *SCHEDULING),
    examples=("thumb 0:02", "thumb #1 0:04", "thumb off"),
)
