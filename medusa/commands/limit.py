"""/limit: how fast jobs may fetch and upload, and how much has passed today."""

from medusa.commands import Call, Command
from medusa.errors import UserError
from medusa.model import Role
from medusa.settings import LIMIT_DOWN, LIMIT_UP, Setting

_DIRECTIONS = {"down": LIMIT_DOWN, "up": LIMIT_UP}


async def _run(call: Call) -> str:
    match [word.lower() for word in call.words]:
        case []:
            pass
        case ["off"]:
            for setting in _DIRECTIONS.values():
                await call.desk.settings.set(setting.key, "off")
        case ["down" | "up" as direction, _, *_]:
            await call.desk.settings.set(_DIRECTIONS[direction].key, " ".join(call.words[1:]))
        case _:
            raise UserError(
                f"Which way, and how many bytes a second? For instance: {call.prefix}limit down 2M, "
                f"{call.prefix}limit up off, or {call.prefix}limit off"
            )
    budget = call.desk.budget
    return "\n".join(
        [*(_line(call, *direction) for direction in _DIRECTIONS.items()), f"Today: {budget.down}, {budget.up}."]
    )


def _line(call: Call, direction: str, setting: Setting[int | None]) -> str:
    rate = call.desk.settings[setting]
    if rate is None:
        return f"{direction.capitalize()}: no limit."
    return f"{direction.capitalize()}: {setting.show(rate)} ({rate * 8 / 1e6:.1f} Mbit/s)."


COMMAND = Command(
    name="limit",
    role=Role.ADMIN,
    audited=True,
    aliases=("speed",),
    family="Queue",
    about="how fast all jobs together may fetch and upload, in bytes a second",
    usage="[down N | up N | off]",
    run=_run,
    examples=("limit", "limit down 2M", "limit up 500K", "limit up off", "limit off"),
)
