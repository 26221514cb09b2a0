"""/retention: for how long what is kept, and what would go now."""

import time
from functools import partial

from markupsafe import Markup

from medusa.commands import Answer, Call, Command, Later
from medusa.errors import UserError
from medusa.model import Role
from medusa.settings import ARCHIVE, KEEP
from medusa.words import size


async def _run(call: Call) -> Answer:
    if call.words == ("now",):
        return Later(partial(_swept, call))
    if call.words:
        raise UserError(f"{call.prefix}retention shows what would go, {call.prefix}retention now has it go.")
    return await _told(call)


async def _told(call: Call) -> str:
    settings, keeper = call.desk.settings, call.desk.house.keeper
    lines = [f"{setting.key} · {setting.show(settings[setting])} · {setting.about}" for setting in KEEP.values()]
    total, free = await keeper.sizes()
    archive = "an archive is sent before" if settings[ARCHIVE] else "without an archive"
    would = _rows(await keeper.count(time.time()))
    lines += [f"Would go now, {archive}: {would}.", f"The state has {size(total)}, of which {size(free)} are empty."]
    return Markup("\n").join(lines)


async def _swept(call: Call) -> str:
    swept = await call.desk.house.keeper.sweep(time.time())
    longest = round(swept.longest * 1000)
    return f"Gone: {_rows(swept.rows)}. The state has {size(swept.after)}; nobody waited longer than {longest} ms."


def _rows(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {table}" for table, count in counts.items()) or "nothing"


COMMAND = Command(
    name="retention",
    family="Settings",
    role=Role.OWNER,
    about="for how long what is kept, and what would go now; this happens daily by itself",
    usage="[now]",
    run=_run,
    examples=("retention", "retention now"),
)
