"""/quota: how much somebody may fetch in a day, and how many jobs in an hour."""

import re
from contextlib import suppress

from medusa.access import quota
from medusa.commands import Answer, Call, Command
from medusa.commands.people import meant, spent
from medusa.errors import UserError
from medusa.model import Role
from medusa.names import quoted
from medusa.settings import BUDGET_UP, read

_HOURLY = re.compile(r"([1-9][0-9]{0,4})(?:/h)", re.IGNORECASE)
_DAILY = re.compile(r"(.+)/(?:d|day)", re.IGNORECASE)


async def _run(call: Call) -> Answer:
    access, words = call.desk.access, list(call.words)
    if not words and call.message.reply_to is None and call.person.id:
        return f"Your quota: {quota(call.person)}. Used: {spent(await access.books.used(call.person.id))}."
    if call.person.role < Role.ADMIN:
        raise UserError("Only admins can look at the quotas of others, and change them.")
    number, _ = await meant(call, words)
    person = access.known(number)
    if words:
        daily, hourly = person.bytes_a_day, person.jobs_an_hour
        for word in words:
            daily, hourly = _changed(word, daily, hourly)
        person = await access.limit(number, daily, hourly, call.person)
    return f"{person.name}: {quota(person)}. Used: {spent(await access.books.used(number))}."


def _changed(word: str, daily: int | None, hourly: int | None) -> tuple[int | None, int | None]:
    if word.lower() == "off":
        return None, None
    if found := _HOURLY.fullmatch(word):
        return daily, int(found[1])
    if (found := _DAILY.fullmatch(word)) and found[1].lower() != "off":
        with suppress(UserError):
            return read(BUDGET_UP, found[1]), hourly
    raise UserError(f"{quoted(word)} is no quota. For instance: 5GB/day (1MB/day at least), 20/h, or off for none.")


COMMAND = Command(
    name="quota",
    family="People",
    about="how much somebody may fetch in a day, and how many jobs in an hour; alone, what of yours is used",
    usage="[@name | ID | in reply] [5GB/day] [20/h] | off",
    run=_run,
    role=Role.VIEWER,
    examples=("quota @anna 5GB/day 20/h", "quota @anna off", "quota"),
)
