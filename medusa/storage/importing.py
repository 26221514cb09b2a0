"""Takes an export into the state: all of it or nothing, and nothing twice."""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2 as sqlcipher

from medusa.errors import UserError
from medusa.model import JobState, Order, Priority, Stage
from medusa.storage.contents import COLUMNS, TABLES, Schema, schema_of
from medusa.storage.exporting import FORM
from medusa.storage.reading import lines, parsed, value_of
from medusa.storage.sparse import media_of
from medusa.storage.store import Store, Transaction

IMPORTED = "imported; resume it if it is still wanted"
_ENDED = ("done", "failed", "cancelled")
_SPOT = re.compile(r"-?[0-9]{1,16}(/[0-9]{1,10})?")
_CHAT = re.compile(r"-?[0-9]{1,16}")
_TIMES = frozenset({"created", "ended", "not_before", "at", "added"})
_YEAR_9999 = 253402300800.0
"""Unix seconds; no calendar goes further."""
_FARTHEST = 2**53
"""Milliseconds; the turns of all jobs to come are counted on from those that there are."""
_KINDS = {"INTEGER": int, "REAL": int | float, "TEXT": str, "BLOB": bytes}


@dataclass(slots=True)
class Taken:
    """How many rows of each table were new; how many were there already; how many are of a kind that is only shown."""

    new: dict[str, int]
    known: int = 0
    passed: int = 0


async def take(store: Store, path: Path, check_setting: Callable[[str, str], None]) -> Taken:
    """Take the export in ``path`` into the state, in one transaction.

    Jobs that had not ended are paused. ``check_setting`` raises UserError for a key and text that are no setting.
    Raises UserError, and then nothing was changed.
    """
    async with store.write() as db:
        return await _Import(db, schema_of(await db.run(COLUMNS)), check_setting).run(path)


class _Import:
    def __init__(self, db: Transaction, schema: Schema, check_setting: Callable[[str, str], None]) -> None:
        self._db = db
        self._schema = schema
        self._check_setting = check_setting
        self._numbers: dict[tuple[str, int], int] = {}
        """The numbers of rows here, by table and their number in the export."""
        self._types: dict[str, dict[str, tuple[str, bool]]] = {}
        self._taken = Taken({})

    async def run(self, path: Path) -> Taken:
        digest, claimed = hashlib.sha256(), ""
        counts: dict[str, int] | None = None
        with path.open("rb") as file:
            for number, (line, value) in enumerate(lines(file), 1):
                if claimed:
                    raise UserError(f"Line {number} stands behind the end of the export. Nothing was changed.")
                try:
                    if counts is None:
                        counts = await self._manifest(value)
                    elif "sha256" in value:
                        claimed = str(value["sha256"])
                    else:
                        await self._row(value, counts)
                except (ValueError, TypeError, KeyError, AttributeError, sqlcipher.IntegrityError) as error:
                    raise UserError(f"Line {number} can't be used: {error}. Nothing was changed.") from None
                if not claimed:
                    digest.update(line)
        if not hmac.compare_digest(claimed.encode(), digest.hexdigest().encode()) or any((counts or {}).values()):
            raise UserError("This export is not whole: its end or its hash does not fit. Nothing was changed.")
        return self._taken

    async def _manifest(self, value: Mapping[str, Any]) -> dict[str, int]:
        if not isinstance(value.get("form"), int) or not isinstance(value.get("counts"), dict):
            raise UserError(
                "This is no export of Medusa's: it has no manifest. For lists of ids say --as users|channels."
            )
        [(known,)] = await self._db.run("PRAGMA user_version")
        if value["form"] > FORM or not isinstance(value.get("schema"), int) or value["schema"] > known:
            raise UserError("This export was made by a newer Medusa. Update this one; nothing was changed.")
        if not all(isinstance(count, int) for count in value["counts"].values()):
            raise ValueError("the manifest's counts are no numbers")
        return dict(value["counts"])

    async def _row(self, value: Mapping[str, Any], counts: dict[str, int]) -> None:
        if set(value) != {"in", "row"} or not isinstance(value["row"], dict):
            raise ValueError("it is no row")
        name, row = value["in"], {column: value_of(one) for column, one in value["row"].items()}
        if not isinstance(name, str) or name not in self._schema or not TABLES[name].shown:
            raise ValueError("it is of a table that there is not")
        counts[name] = counts.get(name, 0) - 1
        await self._check(name, row)
        if not TABLES[name].known_by:
            self._taken.passed += 1
            return
        await self._put(name, _tamed(name, row, self._check_setting))

    async def _check(self, name: str, row: Mapping[str, Any]) -> None:
        """Hold a row's columns and their types against the table's."""
        if name not in self._types:
            found = await self._db.run('SELECT name, type, "notnull" OR pk FROM pragma_table_info(?)', (name,))
            self._types[name] = {column: (kind, bool(needed)) for column, kind, needed in found}
        allowed = set(TABLES[name].shown.split())
        for column, value in row.items():
            if column not in allowed or column not in self._types[name]:
                raise ValueError("it has a column that there is not")
            kind, needed = self._types[name][column]
            if value is None and needed:
                raise ValueError(f"{column} is missing")
            if value is not None and not isinstance(value, _KINDS[kind]):
                raise ValueError(f"{column} is of another type")
            if column in _TIMES and isinstance(value, int | float) and not 0 <= value < _YEAR_9999:
                raise ValueError(f"{column} is no time")
        if missing := set(TABLES[name].known_by) - set(row):
            raise ValueError(f"{min(missing)} is missing")

    async def _put(self, name: str, row: dict[str, Any]) -> None:
        table = TABLES[name]
        for column, other in table.refers.items():
            if row.get(column) is not None:
                row[column] = self._numbers.get((other, row[column]), row[column])
        where = " AND ".join(f'"{column}" = ?' for column in table.known_by)
        what = "id" if table.numbered else "1"
        sql = f'SELECT {what} FROM "{name}" WHERE {where}'  # noqa: S608 (of our own list)
        found = await self._db.run(sql, [row[column] for column in table.known_by])
        number = row.get("id")
        if found:
            self._taken.known += 1
        else:
            found = await self._insert(name, row)
            self._taken.new[name] = self._taken.new.get(name, 0) + 1
        if table.numbered and isinstance(number, int):
            self._numbers[name, number] = found[0][0]

    async def _insert(self, name: str, row: dict[str, Any]) -> Any:
        if TABLES[name].numbered:
            # Numbers stay as they were where they come after all that there are; lists and words go by their order.
            [(last,)] = await self._db.run(f'SELECT ifnull(max(id), 0) FROM "{name}"')  # noqa: S608
            if not isinstance(row.get("id"), int) or row["id"] <= last or row["id"] > 2**53:
                row.pop("id", None)
        columns = ", ".join(f'"{column}"' for column in row)
        marks = ", ".join("?" * len(row))
        returned = "id" if TABLES[name].numbered else "1"
        sql = f'INSERT INTO "{name}" ({columns}) VALUES ({marks}) RETURNING {returned}'  # noqa: S608 (checked above)
        return await self._db.run(sql, list(row.values()))


def _tamed(name: str, row: dict[str, Any], check_setting: Callable[[str, str], None]) -> dict[str, Any]:
    """A row as it may stand here. Raises ValueError for one that would do harm."""
    match name:
        case "jobs":
            return _job(row)
        case "people" if not _is_person(row):
            raise ValueError("it is no person")
        case "library" if row.get("media") is not None:
            media_of(parsed(row["media"]))
        case "settings":
            try:
                check_setting(row["key"], row["value"])
            except UserError as error:
                raise ValueError(error.user_text) from None
        case "channels":
            defaults = parsed(row["defaults"])
            if not all(isinstance(one, str) for pair in defaults.items() for one in pair):
                raise ValueError("its defaults are no texts")
        case "routes" if not _SPOT.fullmatch(row["spot"]):
            raise ValueError("its spot is none")
        case "thumb" if not row["picture"].startswith(b"\xff\xd8") or len(row["picture"]) > 200_000:
            raise ValueError("its picture is no thumbnail")
    return row


def _is_person(row: dict[str, Any]) -> bool:
    return row["id"] > 0 and all(map(_CHAT.fullmatch, row.get("chats", "").split()))


def _job(row: dict[str, Any]) -> dict[str, Any]:
    """A job that does nothing by itself and knows of no files."""
    order = parsed(row["order"])
    known = {one.name: one for one in fields(Order)}
    if not isinstance(order, dict) or set(order) - set(known) or not isinstance(order.get("link"), str):
        raise ValueError("its order is none")
    for key, value in order.items():
        rule = known[key].default
        wanted: Any = str if rule is None or rule is MISSING else type(rule)
        if key == "edits":
            fits = isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
        else:
            fits = isinstance(value, int | float if wanted is float else wanted)
        if not (fits or (rule is None and value is None)):
            raise ValueError("its order is none")
    if not all(_SPOT.fullmatch(spot) for spot in order.get("to", "").split()):
        raise ValueError("its order is none")
    if not all(abs(row[column]) < _FARTHEST for column in ("arrival", "turn")):
        raise ValueError("its turn is out of range")
    for kind, column in ((JobState, "state"), (Stage, "stage"), (Priority, "priority")):
        kind(row[column])
    tamed = {**row, "files": "[]"}
    if row["state"] not in _ENDED:
        tamed |= {"state": "paused", "stage": "resolve", "not_before": 0.0, "reason": IMPORTED, "told": 0}
    return tamed
