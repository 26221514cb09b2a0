"""/history: what was posted where, the newest first."""

from medusa.commands import Call, Command, Option
from medusa.commands.listing import BEFORE, PAGE, before, number, page
from medusa.errors import UserError
from medusa.library import link_of
from medusa.model import Role
from medusa.names import brief


async def _run(call: Call) -> str:
    if "show" in call.options:
        return await _show(call, number(call.options["show"]))
    if call.words:
        raise UserError(f"To look for something: {call.prefix}find {brief(' '.join(call.words))}")
    posts = await call.desk.library.posts.recent(PAGE + 1, before(call))
    return page(posts, call, "history") if posts else "Nothing was posted yet, or nothing before that."


async def _show(call: Call, wanted: int) -> str:
    library = call.desk.library
    post = await library.posts.get(wanted)
    if post is None:
        raise UserError(f"There is no post {wanted} in the library.")
    if await library.document(post) is None:
        await library.posts.forget(wanted)
        raise UserError(f"Post {wanted} is gone: it was deleted from its chat.")
    if link := link_of(post):
        return f"Post {wanted}: {link}"
    if call.person.role < Role.ADMIN and post.chat_id != call.message.chat_id:
        return f"Post {wanted} stands in another chat, and Telegram has no links to what stands there."
    await library.point(post, f"{call.message.chat_id} {call.message.message_id} show")
    return f"Post {wanted}: the reply to it leads there."


COMMAND = Command(
    name="history",
    role=Role.VIEWER,
    aliases=("posts",),
    family="Library",
    about="what was posted where, the newest first",
    run=_run,
    options=(BEFORE, Option(("--show",), "lead to this post", "its number")),
    examples=("history", "history --before 120", "history --show 117"),
)
