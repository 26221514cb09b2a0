"""What commands share that do something to files: those of the message that they reply to, of jobs, or of links."""

import re
from collections.abc import Sequence
from dataclasses import replace

from medusa.commands import Answer, Call, Command
from medusa.commands.ordering import POSTING, SCHEDULING, link_of, option_of, order_of, submit
from medusa.commands.parsing import numbers
from medusa.errors import UserError
from medusa.model import Order
from medusa.sources.telegram import link_to
from medusa.steps import all_wishes

_LINK = re.compile(r"(?:https?|tg)://\S+", re.IGNORECASE)
_JOB = re.compile(r"#\d[\d,#–-]*")
"""Jobs are named with their sign here, since the other words may be numbers, too."""


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
        edit = {takes: all_wishes()[takes].read(" ".join(words) or unsaid)}
        return await submit(call, [edited(link, call, edit) for link in links], call.options.get("at", ""))

    return Command(
        name=name,
        family="Media",
        about=about,
        usage=f"{usage} | in reply to a file, or with links or #JOBS".removeprefix(" | "),
        run=run,
        aliases=aliases,
        options=(*(option_of(all_wishes()[wish]) for wish in wishes), *POSTING, *SCHEDULING),
        examples=tuple(examples),
    )


def edited(link: str, call: Call, edit: dict[str, str]) -> Order:
    """The order that fetches a link and does ``edit`` to what is there, beside what the options say."""
    order = order_of(link, call)
    return replace(order, edits={**order.edits, **edit})


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
    return links, words


async def _posted_by(call: Call, number: int) -> str:
    """The link to what a job has posted. Raises UserError."""
    job = await call.desk.jobs.get(number)
    if job is None:
        raise UserError(f"There is no job #{number}.")
    if job.post_id is None:
        raise UserError(f"Job #{number} has posted nothing: it is {job.state}.")
    return link_to(job.spots[0].chat_id, job.post_id)
