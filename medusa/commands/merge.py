"""/merge: make one video or one song of several."""

import re

from medusa.commands import Answer, Call, Command
from medusa.commands.editing import NEXT, edited, targets, together, with_next
from medusa.commands.ordering import POSTING, SCHEDULING, submit
from medusa.errors import UserError
from medusa.names import quoted
from medusa.sources.telegram import MOST_MESSAGES


async def _run(call: Call) -> Answer:
    links, words = await targets(call)
    if len(words) > 1 or (words and "next" in call.options):
        raise UserError(f"{quoted(words[-1])} names no file. Write for instance {call.prefix}merge #12 #13.")
    if words:
        links = await with_next(call, links, _count(words[0]) - 1)
    return await submit(call, [edited(together(links), call, {"merge": "on"})], call.options.get("at", ""))


def _count(word: str) -> int:
    """How many files are meant, the one replied to among them."""
    if not re.fullmatch(r"\d{1,3}", word) or not 2 <= int(word) <= MOST_MESSAGES:
        raise UserError(f"How many files? Write a number from 2 to {MOST_MESSAGES}, not {quoted(word)}.")
    return int(word)


COMMAND = Command(
    name="merge",
    aliases=("join", "concat"),
    family="Media",
    about="make one video or song of several, each a chapter",
    usage="N | #JOBS | in reply to an album, or to the first of N files",
    run=_run,
    options=(NEXT, *POSTING, *SCHEDULING),
    examples=("merge #1 #2", "merge 2", 'merge --next 1 -n "Both parts"'),
)
