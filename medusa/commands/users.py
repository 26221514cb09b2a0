"""/users: who is let in, and what they have used."""

from markupsafe import Markup

from medusa.commands import Answer, Call, Command
from medusa.commands.people import line
from medusa.model import Role


async def _run(call: Call) -> Answer:
    access = call.desk.access
    if not access.people():
        return f"Nobody but you is let in. {call.prefix}allow @name user does."
    lines = [line(person, await access.books.used(person.id)) for person in access.people()]
    return Markup("\n").join([Markup("<b>People</b>"), *lines])


COMMAND = Command(
    name="users",
    aliases=("people",),
    family="People",
    about="who is let in, with roles and quotas",
    run=_run,
    role=Role.ADMIN,
    examples=("users",),
)
