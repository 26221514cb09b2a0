"""Says of each table what is exported, what may be imported, and how a row belongs to a person.

Nothing is exported that is not named here; a test holds the list against the schema.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    ``shown`` are the columns that are exported and ``left`` those that are not, with the reason ``why``. ``owner`` are
    columns that hold a person's id (a person's private chat has it, too); ``parent`` is a column and the table whose
    rows decide in its place, and ``belongs`` a condition that says it. A row that is imported is known by the columns
    ``known_by``; with none, the table is not imported. ``numbered`` says that rows have numbers of their own,
    ``refers`` which columns hold those of others.
    """

    shown: str = ""
    left: str = ""
    why: str = ""
    owner: tuple[str, ...] = ()
    parent: tuple[str, str] | None = None
    belongs: str = ""
    known_by: tuple[str, ...] = ()
    numbered: bool = False
    refers: Mapping[str, str] = field(default_factory=dict)


_CHAT = ("chat_id",)
_ITEMS = "it makes uploads and posts go on after a restart"
_KEYS = "it is a secret"
_SUMS = "done failed cancelled posted down up saved streamed fetching sending making free memory"

TABLES: Mapping[str, Table] = {
    # Those that others refer to come first: rows are imported in this order, and erased from the end on.
    "people": Table(
        "id name role bytes_a_day jobs_an_hour trusted chats added", owner=("id",), known_by=("id",)
    ),
    "settings": Table("key value", known_by=("key",), belongs="key LIKE '%@' || :person"),
    "channels": Table("chat_id title kind defaults", owner=_CHAT, known_by=_CHAT),
    "routes": Table(
        "id host kind above below spot", known_by=("host", "kind", "above", "below", "spot"), numbered=True
    ),
    "traffic": Table("day down up", known_by=("day",)),
    "day_sums": Table(f"day {_SUMS}", known_by=("day",)),
    "source_sums": Table("day host done failed posted", known_by=("day", "host")),
    "hour_sums": Table(f"slot hour {_SUMS}"),
    "thumb": Table("one picture at", known_by=("one",)),
    "handled": Table("chat_id message_id at", owner=_CHAT, known_by=("chat_id", "message_id")),
    "jobs": Table(
        "id state stage order chat_id message_id ordinal created attempts not_before reason title size post_id ended "
        "told priority arrival turn host person",
        "files laps moved",
        "what this machine has made of the job: paths, and what each stage took and moved",
        owner=("chat_id", "person"),
        known_by=("chat_id", "message_id", "ordinal"),
        numbered=True,
    ),
    "library": Table(
        "id source link as_document content size name title mime media caption spoiler document_id access_hash "
        "file_reference chat_id message_id at job_id photo part parts person",
        owner=("chat_id", "person"),
        known_by=("chat_id", "message_id"),
        numbered=True,
        refers={"job_id": "jobs"},
    ),
    "batches": Table(
        "id chat_id message_id name state places spot items reason created started ended indexed priority not_before "
        "person",
        owner=("chat_id", "person"),
    ),
    "watches": Table(
        "id chat_id message_id link title spot order times filters active due tail items looked fails reason created "
        "person",
        owner=("chat_id", "person"),
    ),
    "batch_items": Table(
        "batch_id seq line name order state slot job_id reason",
        "random_id",
        _ITEMS,
        parent=("batch_id", "batches"),
        refers={"job_id": "jobs"},
    ),
    "batch_pages": Table("", "batch_id page random_id message_id digest", _ITEMS, parent=("batch_id", "batches")),
    "watch_seen": Table("watch_id key", parent=("watch_id", "watches")),
    "watch_runs": Table(
        "id watch_id at taken passed batch_id", parent=("watch_id", "watches"), refers={"batch_id": "batches"}
    ),
    "outbox": Table(
        "",
        "job_id seq chat_id random_id kind document_id access_hash file_reference message_id content look",
        _ITEMS,
        parent=("job_id", "jobs"),
    ),
    "uploads": Table("", "job_id seq file_id part_size size version", _ITEMS, parent=("job_id", "jobs")),
    "vault": Table("kind site name created expires used warned", "value", _KEYS),
    "telegram_entities": Table("id username phone name", "hash", "it is of use to this login alone", owner=("id",)),
    "telegram_updates": Table("", "entity_id pts qts date seq", "it is of use to this login alone",
                              owner=("entity_id",)),
    "telegram_login": Table("", "id dc_id address port auth_key takeout_id", _KEYS),
    "tag_key": Table("", "one key", _KEYS),
    "audit": Table("id at act person detail", "salt seal proof", _KEYS),
    "audit_key": Table("", "only key head", _KEYS),
    "audit_root": Table("", "id proof", _KEYS),
    "menus": Table(
        "", "chat_id message_id command choices many at person", "it ends within a week", owner=("chat_id", "person")
    ),
    "slow_commands": Table(
        "", "chat_id message_id text reply_to private at topic person original", "a command may hold a secret",
        owner=("chat_id", "person"),
    ),
    "boards": Table("", "chat_id random_id", _ITEMS, owner=_CHAT),
    "answers": Table("", "key answer at", "a cache for half an hour"),
    "job_counts": Table("", "state chat_id jobs", "it is counted from the jobs"),
    "alerts": Table("", "name told wrong", "it is of this machine"),
    "instance": Table("", "one id lineage generation", "it says which Medusa this is"),
    "backups": Table("name place at size good", "messages", _ITEMS),
    "backup_key": Table("", "one key shown", _KEYS),
    "restored": Table("", "one since until last_job told", "it is of this machine"),
    "panel_sessions": Table("", "token person created seen", _KEYS, owner=("person",)),
    "panel_password": Table("", "one salt hash", _KEYS),
    "making": Table("", "title before", _ITEMS),
    "rebuilds": Table("", "chat_id before seen made over", _ITEMS, owner=_CHAT),
}  # fmt: skip
"""All tables, by name."""

WITHOUT_SECRETS = "json_remove(\"order\", '$.keys', '$.headers')"
"""An order without its secrets, as an expression of SQL; see `Order.without_secrets`."""


Schema = Mapping[str, frozenset[str]]
"""The columns of each table that there is."""


def mine(name: str, schema: Schema) -> str | None:
    """The condition under which a row belongs to the person ``:person``; None where rows belong to nobody."""
    table = TABLES[name]
    if table.parent is None:
        owned = [f'"{one}" = :person' for one in table.owner if one in schema[name]]
        return " OR ".join([*owned, *([table.belongs] if table.belongs else [])]) or None
    column, parent = table.parent
    return f'"{column}" IN (SELECT id FROM "{parent}" WHERE {mine(parent, schema)})'  # noqa: S608 (the list above)


def schema_of(rows: Iterable[tuple[str, str]]) -> Schema:
    """The schema of what ``COLUMNS`` selects, as far as it is in the list."""
    found: dict[str, set[str]] = {}
    for table, column in rows:
        found.setdefault(table, set()).add(column)
    return {name: frozenset(found[name]) for name in TABLES if name in found}


COLUMNS = (
    "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c "
    "WHERE t.schema = 'main' AND t.type = 'table' AND c.hidden = 0 AND t.name NOT LIKE 'sqlite_%'"
)
"""Every table's columns, but for those that are computed."""
