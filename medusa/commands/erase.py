"""/erase: remove all that belongs to a person, or everything; asked twice."""

from functools import partial

from medusa.commands import Answer, Call, Command, Later
from medusa.commands.people import identified
from medusa.errors import UserError
from medusa.model import Role

_SURE = "yes-erase"


async def _run(call: Call) -> Answer:
    if not call.words:
        raise UserError(f"Erase whom? {call.prefix}erase @name or an id for a person, {call.prefix}erase all for all.")
    whom, *said = call.words
    everything = whom.lower() == "all"
    if everything and call.message.chat_id != call.desk.messenger.home:
        raise UserError("Everything can be erased from Saved Messages alone.")
    number = None if everything else await identified(call, whom)
    if said == [_SURE, _SURE]:
        return Later(call.desk.house.wipe if number is None else partial(_erased, call, number))
    if said == [_SURE]:
        return f"Really? This cannot be taken back. Write {call.prefix}erase {whom} {_SURE} {_SURE}"
    return _what(call, number, whom)


def _what(call: Call, number: int | None, whom: str) -> str:
    what = (
        "This ends the login and erases everything: queue, library, settings, people, secrets, keys, logs, work files."
        if number is None
        else f"This erases all that is kept of {number}: jobs, posts in the library, lists, logs. Posts stay in chats."
    )
    return f"{what} To have a copy first: {call.prefix}export. To go on: {call.prefix}erase {whom} {_SURE}"


async def _erased(call: Call, number: int) -> str:
    report = await call.desk.house.erase(number)
    await call.desk.access.note(call.person, call.command)  # not of whom: that is what was erased
    rows = ", ".join(f"{count} {table}" for table, count in report.rows.items()) or "nothing was kept"
    return (
        f"Erased of {number}: {rows}; {report.folders} work folders, {report.log} bytes of log. "
        "The state was written anew. Posts, earlier exports and backups are not touched."
    )


COMMAND = Command(
    name="erase",
    family="Settings",
    role=Role.OWNER,
    about="erase all that is kept of a person, or everything and the login with it; asks twice",
    usage="@USER | ID | all",
    run=_run,
    examples=("erase 123456789", "erase all"),
)
