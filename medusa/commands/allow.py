"""/allow: let somebody in, with a role."""

from medusa.commands import Answer, Call, Command, Option
from medusa.commands.people import meant
from medusa.errors import UserError
from medusa.model import Role
from medusa.names import quoted

_ROLES = {str(role): role for role in Role}


async def _run(call: Call) -> Answer:
    words = list(call.words)
    number, name = await meant(call, words)
    access = call.desk.access
    known = access.person(number)
    if len(words) > 1 or (words and words[0].lower() not in _ROLES):
        raise UserError(f"{quoted(' '.join(words))} is no role: there are viewer, user and admin.")
    role = _ROLES[words[0].lower()] if words else known.role if known else Role.USER
    person = await access.allow(number, name, role, call.person)
    if "trust" in call.options or "no-trust" in call.options:
        person = await access.trust(number, call.person, trusted="trust" in call.options)
    says = f"{person.name} is {'an' if role is Role.ADMIN else 'a'} {person.role} now."
    if person.trusted:
        says += " Your cookies and tokens serve these jobs, too."
    return f"{says} Commands are obeyed in the private chat with this account, and in registered chats."


COMMAND = Command(
    name="allow",
    family="People",
    about="let somebody in: a viewer looks at everything, a user has jobs and sees those alone, an admin has to do "
    "with everybody's",
    usage="@name | ID | in reply [viewer | user | admin]",
    run=_run,
    role=Role.ADMIN,
    options=(
        Option(("--trust",), "let your cookies, tokens and headers serve this person's jobs, too", role=Role.OWNER),
        Option(("--no-trust",), "let them no more", role=Role.OWNER),
    ),
    examples=("allow @anna user", "allow 123456789 viewer", "allow @anna --trust"),
)
