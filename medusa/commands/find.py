"""/find: posts by words of their title, name, caption or link."""

from medusa.commands import Call, Command
from medusa.commands.listing import BEFORE, PAGE, before, page
from medusa.errors import UserError
from medusa.model import Role
from medusa.names import quoted


async def _run(call: Call) -> str:
    text = " ".join(call.words)
    if not text:
        raise UserError(f"Find what? For instance: {call.prefix}find holiday")
    posts = await call.desk.library.posts.find(text, PAGE + 1, before(call))
    return page(posts, call, f"find {text}") if posts else f"Nothing that was posted has {quoted(text)} in it."


COMMAND = Command(
    name="find",
    role=Role.VIEWER,
    aliases=("search",),
    family="Library",
    about="posts by words of their title, file name, caption or link",
    usage="TEXT",
    run=_run,
    options=(BEFORE,),
    examples=("find holiday", "find sea waves --before 120"),
)
