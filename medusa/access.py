"""Who is obeyed, and how much they may have: roles, rates, quotas, and the record of what was done."""

import time
from collections.abc import Callable, Collection
from dataclasses import replace

from medusa.brake import Brake
from medusa.errors import UserError
from medusa.model import OWNER, Person, Role
from medusa.quotas import Books
from medusa.storage import audit, people
from medusa.storage.audit import Audit
from medusa.storage.people import PeopleTable
from medusa.storage.store import Store
from medusa.words import size

MOST_COMMANDS = 20
"""Commands a minute of one person that are obeyed; the owner has no such limit."""
_MINUTE = 60.0
MOST_PEOPLE = 100


class Access:
    """The people beside the owner. Changes name who makes them: nobody touches people of the same role or above.

    Whatever is changed is committed together with its line in the record.
    """

    def __init__(self, store: Store, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._table = PeopleTable(store)
        self.audit = Audit(store)
        self.books = Books(self._table, self.person, now)
        self._now = now
        self._people: dict[int, Person] = {}
        self.pace = Brake(MOST_COMMANDS, _MINUTE)
        """Counts everybody's commands."""
        self._told: set[int] = set()
        """Who knows that these are too many."""

    async def load(self) -> None:
        """Read who they are."""
        self._people = {person.id: person for person in await self._table.all()}

    def people(self) -> list[Person]:
        """Everybody but the owner, in the order in which they came."""
        return list(self._people.values())

    def person(self, number: int) -> Person | None:
        """Somebody by Telegram's id, or 0 for the owner; None for strangers."""
        return OWNER if number == 0 else self._people.get(number)

    def name(self, number: int) -> str:
        """What to call somebody, also when it is nobody any more."""
        known = self.person(number)
        return known.name if known else f"id {number}"

    def known(self, number: int) -> Person:
        """Somebody who was let in, by Telegram's id. Raises UserError for all others."""
        person = self._people.get(number)
        if person is None:
            raise UserError(f"Nobody is let in who has the id {number}.")
        return person

    def below(self, number: int, by: Person) -> Person:
        """Somebody whom ``by`` may change. Raises UserError for all others."""
        person = self.known(number)
        self._expect_below(by, person.role)
        return person

    def trusts(self, number: int) -> bool:
        """Whether the owner's secrets serve this person's jobs."""
        known = self.person(number)
        return known is not None and known.trusted

    async def allow(self, number: int, name: str, role: Role, by: Person) -> Person:
        """Let somebody in, or change the role. Raises UserError."""
        self._expect_below(by, role)
        before = self._people.get(number)
        if before is not None:
            self._expect_below(by, before.role)
        elif len(self._people) >= MOST_PEOPLE:
            raise UserError(f"{MOST_PEOPLE} people are let in already, and that is the most.")
        fresh = replace(before, name=name, role=role) if before else Person(number, name, role)
        return await self._put(fresh, by, "allow", f"{number} {role}")

    async def deny(self, number: int, by: Person) -> Person:
        """Let somebody in no more; jobs and posts stay. Raises UserError."""
        person = self.below(number, by)
        async with self._store.write() as db:
            await people.remove(db, number)
            await audit.note(db, by.id, "deny", str(number), self._now())
        self._people.pop(number, None)
        return person

    async def limit(self, number: int, bytes_a_day: int | None, jobs_an_hour: int | None, by: Person) -> Person:
        """Give somebody other quotas; None lifts one. Raises UserError."""
        person = self.below(number, by)
        fresh = replace(person, bytes_a_day=bytes_a_day, jobs_an_hour=jobs_an_hour)
        return await self._put(fresh, by, "quota", f"{number} {quota(fresh)}")

    async def trust(self, number: int, by: Person, *, trusted: bool) -> Person:
        """Let the owner's secrets serve somebody's jobs, or no more. Raises UserError, also for all but the owner."""
        if by.role is not Role.OWNER:
            raise UserError("Only the owner can say whom the owner's cookies and tokens serve.")
        person = self.known(number)
        return await self._put(replace(person, trusted=trusted), by, "trust", f"{number} {trusted}")

    def may_speak(self, person: Person) -> bool | None:
        """Whether a command that comes now is obeyed; False once when they are too many, then None until it is calm."""
        if person.role is Role.OWNER:
            return True
        name, now = str(person.id), self._now()
        calm = self.pace.wait(name, now) <= 0
        self.pace.failed(name, now)  # also what is not obeyed: who goes on and on waits for longer
        if calm:
            self._told.discard(person.id)
            return True
        told = person.id in self._told
        self._told.add(person.id)
        return None if told else False

    async def grant(self, number: int, chats: Collection[int], by: Person) -> Person:
        """Let somebody post into these chats, by their marked ids, and no others, beside the one of the command.

        Raises UserError.
        """
        person = self.below(number, by)
        fresh = replace(person, chats=tuple(sorted(chats)))
        return await self._put(fresh, by, "grant", f"{number} {' '.join(map(str, fresh.chats))}".strip())

    async def note(self, person: Person, act: str, detail: str = "") -> None:
        """Commit to the record what somebody has done; the detail must hold no secret."""
        await self.audit.note(person.id, act, detail, self._now())

    async def _put(self, person: Person, by: Person, act: str, detail: str) -> Person:
        async with self._store.write() as db:
            await people.put(db, person, self._now())
            await audit.note(db, by.id, act, detail, self._now())
        self._people[person.id] = person
        return person

    @staticmethod
    def _expect_below(by: Person, role: Role) -> None:
        if role is Role.OWNER:
            raise UserError("There is one owner: whose account this is.")
        if role >= by.role:
            raise UserError(f"That takes somebody above: this person is, or would be, {role}, and you are {by.role}.")


def quota(person: Person) -> str:
    """Somebody's quotas in words."""
    amount = f"{size(person.bytes_a_day)} a day" if person.bytes_a_day is not None else "no limit of bytes"
    count = f"{person.jobs_an_hour} jobs an hour" if person.jobs_an_hour is not None else "no limit of jobs"
    return f"{amount}, {count}"
