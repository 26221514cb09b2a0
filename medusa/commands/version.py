"""/version: which versions of what are at work."""

from markupsafe import Markup

from medusa.commands import Call, Command
from medusa.model import Role


async def _run(call: Call) -> str:
    return Markup("\n").join(Markup("<b>{}</b> {}").format(name, value) for name, value in call.desk.versions().items())


COMMAND = Command(
    name="version",
    role=Role.VIEWER,
    family="Care",
    about="which versions are at work",
    run=_run,
    examples=("version",),
)
