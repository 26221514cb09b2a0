"""/export: everything that is stored, or what belongs to one person, as a file."""

import asyncio
import time
from functools import partial

from markupsafe import Markup

from medusa.commands import Answer, Call, Command, Later
from medusa.commands.people import identified
from medusa.errors import UserError
from medusa.model import Role
from medusa.telegram.messages import random_id_for


async def _run(call: Call) -> Answer:
    """Give the owner everything, to Saved Messages, and others what is theirs, to their private chats."""
    if call.person.role is not Role.OWNER:
        if call.words or call.message.chat_id != call.person.id:
            raise UserError(f"You get what is kept of you: write {call.prefix}export in our private chat.")
        return Later(partial(_sent, call, call.person.id))
    if call.message.chat_id != call.desk.messenger.home:
        raise UserError(f"Write {call.prefix}export in Saved Messages: what it sends is nobody else's business.")
    whose = await identified(call, call.words[0]) if call.words else None
    return Later(partial(_sent, call, whose))


async def _sent(call: Call, whose: int | None) -> Answer:
    house, message = call.desk.house, call.message
    path = house.work / "export" / f"{message.message_id}.jsonl"
    try:
        counts = await house.export(path, whose, time.time())
        name = f"medusa-export{f'-{whose}' if whose else ''}-{time.strftime('%Y-%m-%d')}.jsonl"
        number = random_id_for(f"export {message.chat_id} {message.message_id}")
        await call.desk.files.send_path(message.chat_id, message.message_id, path, name, number)
        await call.desk.access.note(call.person, call.command, str(whose or ""))
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)
    rows = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
    return Markup("Exported: {}. Secrets are not in it.").format(rows)


COMMAND = Command(
    name="export",
    family="Settings",
    about="send everything that is stored as a file of JSON lines, or what belongs to one person; secrets are left out",
    usage="[@USER | ID]",
    run=_run,
    examples=("export", "export 123456789"),
)
