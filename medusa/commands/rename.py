"""/rename: the same file under another name."""

from dataclasses import replace

from medusa.commands import Answer, Call, Command
from medusa.commands.editing import targets
from medusa.commands.ordering import POSTING, SCHEDULING, order_of, submit
from medusa.errors import UserError


async def _run(call: Call) -> Answer:
    """Telegram keeps the name within the document, so that the bytes have to be sent once more."""
    links, words = await targets(call)
    name = " ".join(words)
    if not name:
        raise UserError(f"To which name? For instance: {call.prefix}rename My holiday")
    orders = [replace(order_of(link, call), name=name) for link in links]
    return await submit(call, orders, call.options.get("at", ""))


COMMAND = Command(
    name="rename",
    family="Media",
    about="post a file under another name",
    usage="NAME | in reply to a file, or with links or #JOBS",
    run=_run,
    options=(*(option for option in POSTING if option.name != "name"), *SCHEDULING),
    examples=("rename My holiday", "rename #1 Into the fractal --silent"),
)
