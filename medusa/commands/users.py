"""/users: who is let in, and what they have used."""

from markupsafe import Markup

from medusa.commands import Answer, Call, Command
from medusa.commands.people import line
from medusa.model import Role
from medusa.settings import OTHERS


async def _run(call: Call) -> Answer:
    access = call.desk.access
    if not access.people():
        return f"Nobody but you is let in. {call.prefix}allow @name user does."
    lines = [line(person, await access.books.used(person.id)) for person in access.people()]
    off = [] if call.desk.settings[OTHERS] else [f"Nobody is heard but you: {call.prefix}set others on lets them in."]
    return Markup("\n").join([Markup("<b>People</b>"), *off, *lines])


COMMAND = Command(
    name="users",
    aliases=("people",),
    family="People",
    about="who is let in, with roles and quotas",
    run=_run,
    role=Role.ADMIN,
    examples=("users",),
)
