"""/backup: copies of all that Medusa knows, made now, and which there are."""

import time
from collections.abc import Sequence
from functools import partial

from markupsafe import Markup

from medusa.backups.spelling import spelt
from medusa.commands import Answer, Call, Command, Later, Option
from medusa.errors import UserError
from medusa.intervals import rhythm
from medusa.model import Role, Spot
from medusa.settings import BACKUP, BACKUP_TO
from medusa.settings.kinds import place
from medusa.storage.backups import Record
from medusa.words import moment, size, span

_MOST_SHOWN = 10
_LOGIN = Option(("--with-session",), "put the account's login into it: who has backup and key is you then")
_KEY = Markup(
    "Your backup key, without which no backup can be opened:\n<code>{}</code>\n"
    "Write it down, away from this machine and from Telegram, then delete this message."
)
_USAGE = "{0}backup lists, {0}backup now makes one, {0}backup to CHAT or FOLDER one there, {0}backup key shows the key."


async def _run(call: Call) -> Answer:
    login = bool(call.options.get("with-session"))
    match call.words:
        case []:
            return await _list(call)
        case ["now"]:
            places = call.desk.settings[BACKUP_TO]
            return Later(partial(_make, call, places, login=login))
        case ["key"]:
            return await _key(call)
        case ["to", *words] if words:
            return Later(partial(_make, call, [await _named(call, " ".join(words))], login=login))
        case _:
            raise UserError(_USAGE.format(call.prefix))


async def _named(call: Call, text: str) -> str:
    """The place that a text names. Raises UserError."""
    if text.lower() in ("telegram", "me"):
        return "me"
    try:
        return place(text)
    except ValueError:
        chat = await call.desk.destinations.find(text, Spot(call.message.chat_id))
        if chat.kind == "person" or not chat.may_post:
            raise UserError("A backup goes to Saved Messages, or into a channel where this account may post.") from None
        return "me" if chat.kind == "saved" else str(chat.id)


async def _make(call: Call, places: Sequence[str], *, login: bool) -> Answer:
    usual = call.desk.settings[BACKUP_TO]
    made = await call.desk.backups.make(places, rotate=tuple(places) == usual, login=login)
    rows = sum(made.manifest.counts.values())
    where = " and ".join(_where(call, record) for record in made.records)
    lines = [
        Markup("✓ Backup <b>{}</b>: {}, {} rows, {} jobs among them.").format(
            made.records[0].name, size(made.records[0].size), rows, made.manifest.counts["jobs"]
        ),
        Markup("It was read back from {}, opened and counted: it can be restored.").format(where),
    ]
    if login:
        lines.append(Markup("The login is in it: guard it like the account itself."))
    if not (await call.desk.backups.table.key()).shown:
        lines.append(Markup("None can be opened without your backup key: {}backup key").format(call.prefix))
    return Markup("\n").join(lines)


async def _key(call: Call) -> Answer:
    offsite = call.desk.backups.offsite
    written = call.message.message_id > 0  # what the panel gives stands in no chat, and its pages show no secret
    if offsite is None or not written or call.message.chat_id != offsite.account.user_id:
        raise UserError(f"The key is shown in Saved Messages only: write {call.prefix}backup key there.")
    key = await call.desk.backups.table.key()
    await call.desk.backups.table.shown()
    return _KEY.format(spelt(key.key))


async def _list(call: Call) -> Answer:
    backups, every = call.desk.backups, call.desk.settings[BACKUP]
    records = [record for record in await backups.table.records() if record.good]
    places = call.desk.settings[BACKUP_TO]
    goes = BACKUP_TO.show(places)
    plan = f"{rhythm(every)} to {goes}" if every else "none by themselves (/set backup 1d)"
    lines = [Markup("Backups: {}.").format(plan)]
    if backups.failures:
        lines.append(Markup("The last {} tries have failed.").format(backups.failures))
    if records:
        ago = span(max(0.0, time.time() - records[0].at))
        lines.append(Markup("The last good one is {} old.").format(ago))
    else:
        lines.append(Markup("There is none yet: {}backup now").format(call.prefix))
    lines += [
        Markup("<b>{}</b> · {} · {}").format(moment(record.at), size(record.size), _where(call, record))
        for record in records[:_MOST_SHOWN]
    ]
    if len(records) > _MOST_SHOWN:
        lines.append(Markup("… and {} older ones").format(len(records) - _MOST_SHOWN))
    if places == ("folder",):
        lines.append(
            Markup("They lie on the disk of the state: {0}set backup-to folder, me keeps them here, too.").format(
                call.prefix
            )
        )
    if not (await backups.table.key()).shown:
        lines.append(Markup("None can be opened without your backup key: {}backup key").format(call.prefix))
    return Markup("\n").join(lines)


def _where(call: Call, record: Record) -> str:
    if record.place.startswith("/"):
        return record.place
    return call.desk.destinations.shown(Spot(int(record.place)))


COMMAND = Command(
    name="backup",
    family="Care",
    about="copy all that Medusa knows, encrypted, and prove that the copy can be restored; alone: list the backups",
    usage="[now | to CHAT|FOLDER | key]",
    run=_run,
    options=(_LOGIN,),
    role=Role.OWNER,
    audited=True,
    examples=("backup", "backup now", "backup to me", "backup to /mnt/usb", "backup key"),
)
