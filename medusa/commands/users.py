"""/users: who is let in, and what they have used."""

from markupsafe import Markup

from medusa.commands import Answer, Call, Command
from medusa.commands.people import line
from medusa.model import Role
from medusa.words import size


async def _run(call: Call) -> Answer:
    access = call.desk.access
    if not access.people():
        return f"Nobody but you is let in. {call.prefix}allow @name user does."
    lines = [Markup("<b>People</b>")]
    for person in access.people():
        used = await access.books.used(person.id)
        lines.append(line(person, used, size(used[0])))
    return Markup("\n").join(lines)


COMMAND = Command(
    name="users",
    aliases=("people",),
    family="People",
    about="who is let in, with roles and quotas",
    run=_run,
    role=Role.ADMIN,
    examples=("users",),
)
