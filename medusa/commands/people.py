"""What the commands about people share: whom a word means, and how somebody reads."""

from markupsafe import Markup

from medusa.access import quota
from medusa.care.ids import person_id
from medusa.commands import Call
from medusa.errors import UserError
from medusa.model import Person
from medusa.names import display_name, quoted
from medusa.words import size


async def meant(call: Call, words: list[str]) -> tuple[int, str]:
    """Telegram's id and name of whom the first word names, which is taken away; of whom is replied to without one.

    Raises UserError.
    """
    if words and (words[0].startswith("@") or person_id(words[0]) is not None):
        return await found(call, words.pop(0))
    if call.message.reply_to is not None:
        writer = await call.desk.people.wrote(call.message.chat_id, call.message.reply_to)
        if writer is not None:
            return writer[0], display_name(writer[1])
    if 0 < call.message.chat_id != call.desk.messenger.home:
        return await found(call, str(call.message.chat_id))
    raise UserError(f"Who? For instance: {call.prefix}{call.command} @name, an id, or in reply to somebody's message.")


async def found(call: Call, word: str) -> tuple[int, str]:
    """Telegram's id and name of whom ``@name`` or an id names. Raises UserError, also for the owner."""
    known = call.desk.access.person(int(word)) if word.isdecimal() else None
    if known is not None and known.id:  # also when Telegram knows nobody of this id any more
        return known.id, known.name
    number, name = await call.desk.people.find(word)
    return _other(call, number, word), display_name(name)


async def identified(call: Call, word: str) -> int:
    """Telegram's id of whom ``@name`` or an id names, which Telegram need not know any more. Raises UserError."""
    if word.startswith("@"):
        named, _ = await found(call, word)
        return named
    number = person_id(word)
    if number is None:
        raise UserError(f"Who is {quoted(word)}? Give a Telegram id, or a name with @.")
    return _other(call, number, word)


def _other(call: Call, number: int, word: str) -> int:
    """The id, if it is not the owner's. Raises UserError."""
    if number == call.desk.messenger.home:
        raise UserError(f"{quoted(word)} is you, the owner; {call.prefix}{call.command} is for others.")
    return number


def spent(used: tuple[int, int]) -> str:
    """What somebody has used: the bytes of today, and the jobs of the hour."""
    count, jobs = used
    return f"{size(count)} today, {jobs} job{'' if jobs == 1 else 's'} within the hour"


def whose(call: Call, number: int) -> str:
    """The name of whom something belongs to, behind a dot; nothing for who is calling."""
    return "" if number == call.person.id else f" · {call.desk.access.name(number)}"


def line(person: Person, used: tuple[int, int]) -> Markup:
    """One line on somebody."""
    trusted = " · trusted with your logins" if person.trusted else ""
    trusted += f" · may post into {' '.join(map(str, person.chats))}" if person.chats else ""
    today = f" · {spent(used)}" if any(used) else ""
    return Markup("<b>{}</b> <code>{}</code> · {} · {}{}{}").format(
        person.name, person.id, person.role, quota(person), trusted, today
    )
