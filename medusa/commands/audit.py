"""/audit: what was done by whom."""

from markupsafe import Markup

from medusa.commands import Answer, Call, Command
from medusa.commands.listing import BEFORE, before
from medusa.model import Role
from medusa.words import moment

PAGE = 20


async def _run(call: Call) -> Answer:
    access = call.desk.access
    found = await access.audit.recent(PAGE + 1, before(call))
    if not found:
        return "Nothing is on record yet, or nothing before that."
    lines = []
    for one in found[:PAGE]:
        who = access.name(one.person) if one.person is not None else "erased"
        line = Markup("<b>{}</b> {} · {} · {} {}")
        lines.append(line.format(one.id, moment(one.at), who, one.act, one.detail or ""))
    if len(found) > PAGE:
        lines.append(Markup("Older: <code>{}audit --before {}</code>").format(call.prefix, found[PAGE - 1].id))
    return Markup("\n").join(lines)


COMMAND = Command(
    name="audit",
    family="People",
    about="what was done by whom: who was let in, what was set, which secrets were given, and what others asked for",
    run=_run,
    role=Role.ADMIN,
    options=(BEFORE,),
    examples=("audit", "audit --before 120"),
)
