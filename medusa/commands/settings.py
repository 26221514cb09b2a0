"""/settings: every setting with its value and what it takes."""

from markupsafe import Markup

from medusa.commands import Call, Command
from medusa.model import Role
from medusa.settings import ALL


async def _run(call: Call) -> str:
    settings = call.desk.settings
    blocks = []
    for setting in ALL.values():
        mark = "" if not settings.changed(setting) else f" (default {setting.show(setting.default)})"
        blocks.append(
            Markup("<b>{}</b> = {}{}\n{}; {}").format(
                setting.key, setting.show(settings[setting]), mark, setting.about, setting.form
            )
        )
    blocks.append(Markup("Change one: <code>{}set KEY VALUE</code>").format(call.prefix))
    return Markup("\n\n").join(blocks)


COMMAND = Command(
    name="settings",
    role=Role.ADMIN,
    family="Settings",
    about="every setting with its value",
    run=_run,
    examples=("settings",),
)
