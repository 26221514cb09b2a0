"""The people who were let in, what they have used, and what was done by whom."""

import re

from medusa.access import quota
from medusa.commands.listing import NEWEST
from medusa.commands.people import spent
from medusa.errors import UserError
from medusa.model import Role
from medusa.web.page import Fields, Given, Page, Visit

ENTRIES = 30
"""Entries of the record on a page."""
_WHO = re.compile(r"@[A-Za-z0-9_]{4,32}|[1-9][0-9]{0,15}")
_ROLES = ("viewer", "user", "admin")


async def _show(visit: Visit) -> Given:
    access = visit.desk.access
    people = [(person, quota(person), spent(await access.books.used(person.id))) for person in access.people()]
    record = await access.audit.recent(ENTRIES + 1, visit.number("before", NEWEST))
    return {
        "people": people,
        "roles": _ROLES,
        "trusts": visit.person.role is Role.OWNER,
        "record": record[:ENTRIES],
        "more": len(record) > ENTRIES,
        "named": access.name,
    }


def _words(fields: Fields) -> str:
    """The forms that let somebody in, and that give quotas."""
    who = fields.get("who", "").strip()
    if not _WHO.fullmatch(who):
        raise UserError("Who? By @name or by Telegram's id.")
    if "role" in fields:
        role = fields["role"]
        return f"allow {who} {role if role in _ROLES else 'user'}"
    given = (fields.get("daily", "").strip(), fields.get("hourly", "").strip())
    words = [f"{text}/{span}" for text, span in zip(given, ("day", "h"), strict=True) if text]
    return f"quota {who} {' '.join(words) or 'off'}"


PAGE = Page(
    path="/people",
    title="People",
    show=_show,
    place=60,
    icon="people",
    commands=frozenset({"allow", "deny", "quota"}),
    words=_words,
)
