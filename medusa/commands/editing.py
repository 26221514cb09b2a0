"""What commands share that do something to files: those of the message that they reply to, of jobs, or of links."""

import re
from collections.abc import Sequence
from dataclasses import replace

from medusa.commands import Answer, Call, Command, Option
from medusa.commands.ordering import (
    POSTING,
    SCHEDULING,
    fetching_less,
    link_of,
    near,
    option_of,
    order_of,
    submit,
    wished,
)
from medusa.commands.parsing import numbers
from medusa.errors import UserError
from medusa.model import Order, Place
from medusa.names import quoted
from medusa.sources import telegram
from medusa.sources.telegram import MOST_MESSAGES, link_to, place_in
from medusa.steps import all_wishes
from medusa.tools import ELSEWHERE

_LINK = re.compile(r"(?:https?|tg)://\S+", re.IGNORECASE)
_JOB = re.compile(r"#\d[\d,#–-]*")
"""Jobs are named with their sign here, since the other words may be numbers, too."""
NEXT = Option(("--next",), "beside the file replied to, so many of those that follow in the chat", "a number")


def editing(
    name: str,
    *,
    about: str,
    examples: Sequence[str],
    takes: str,
    usage: str = "",
    unsaid: str = "",
    aliases: tuple[str, ...] = (),
    wishes: tuple[str, ...] = (),
) -> Command:
    """A command that has something done to files and posts what comes of it.

    Its words are the value of the step's wish ``takes``, which is ``unsaid`` where there are none. ``wishes`` names
    further ones, which are its options.
    """

    async def run(call: Call) -> Answer:
        links, words = await targets(call)
        edit = {takes: wished(takes, " ".join(words) or unsaid, call)}
        return await submit(call, [edited(link, call, edit) for link in links], call.options.get("at", ""))

    return Command(
        name=name,
        family="Media",
        about=about,
        usage=f"{usage} | in reply to a file, or with links or #JOBS".removeprefix(" | "),
        run=run,
        aliases=aliases,
        options=(*(option_of(all_wishes()[wish]) for wish in wishes), NEXT, *POSTING, *SCHEDULING),
        examples=tuple(examples),
    )


def edited(link: str, call: Call, edit: dict[str, str]) -> Order:
    """The order that fetches a link and does ``edit`` to what is there, beside what the options say."""
    order = order_of(link, call)
    return fetching_less(replace(order, edits={**order.edits, **edit}))


async def targets(call: Call) -> tuple[list[str], list[str]]:
    """The links of what is to be worked on, and the words that name none. Raises UserError when nothing is named."""
    links, words = [], []
    for word in call.words:
        if _LINK.fullmatch(word):
            links.append(link_of(word))
        elif _JOB.fullmatch(word):
            links += [await _posted_by(call, number) for number in numbers([word])]
        else:
            words.append(word)
    if not links and call.message.reply_to is not None:
        links.append(link_to(call.message.chat_id, call.message.reply_to))
    if not links:
        raise UserError(
            f"To which file? Reply to it with {call.prefix}{call.command}, or name a link or a job like #12."
        )
    if "next" in call.options:
        links = await with_next(call, links, _count(call.options["next"]))
    return links, words


async def with_next(call: Call, links: Sequence[str], count: int) -> list[str]:
    """A message by its only link, and the next ones of its chat that hold files, one by one. Raises UserError."""
    place = place_in(links[0]) if len(links) == 1 else None
    if place is None or not isinstance(place.chat, int) or place.further:
        raise UserError("Further files are counted from one message: reply to it, or name its job.")
    if call.person.id and place.chat not in (call.person.id, near(call)):
        raise UserError(ELSEWHERE)
    further = await call.desk.following(place.chat, place.message_id, count)
    if len(further) < count:
        there = f"only {len(further)} of them are" if further else "none is"
        raise UserError(f"{count} more files are wanted, but {there} behind that message.")
    return [link_to(place.chat, number, alone=True) for number in (place.message_id, *further)]


def together(links: Sequence[str]) -> str:
    """One link that leads to what all of these do. Raises UserError where that can't be."""
    if len(links) == 1:
        return links[0]
    places = [place for link in links if (place := _place_of(link)) is not None]
    chats = {place.chat for place in places}
    if len(places) < len(links) or len(chats) > 1:
        raise UserError(
            "What is to become one has to stand in one chat. Fetch the links first, then name their jobs like #12 #13."
        )
    ids = dict.fromkeys(number for place in places for number in place.message_ids)
    if len(ids) > MOST_MESSAGES:
        raise UserError(f"That are {len(ids)} messages; name at most {MOST_MESSAGES} at once.")
    first, *further = ids
    return telegram.link_of(Place(chats.pop(), first, all(place.alone for place in places), tuple(further)))


def _place_of(link: str) -> Place | None:
    """The messages that a link names, None for one that does not lead to Telegram."""
    return place_in(link) if telegram.SOURCE.pattern.match(link) else None


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d?", text) or int(text) >= MOST_MESSAGES:
        raise UserError(f"--next takes a number from 1 to {MOST_MESSAGES - 1}, not {quoted(text)}.")
    return int(text)


async def _posted_by(call: Call, number: int) -> str:
    """The link to what a job has posted. Raises UserError."""
    job = await call.desk.jobs.get(number)
    if job is None:
        raise UserError(f"There is no job #{number}.")
    if job.post_id is None:
        raise UserError(f"Job #{number} has posted nothing: it is {job.state}.")
    chat_id = job.spots[0].chat_id
    posts = [post for post in await call.desk.library.posts.of_job(number) if post.chat_id == chat_id]
    if len(posts) > 1:
        return link_to(chat_id, *(post.message_id for post in posts), alone=True)
    return link_to(chat_id, job.post_id)
