"""What leaves the state and comes back into it, and what is gone for good when a person is erased."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import AES

from medusa.errors import UserError
from medusa.model import JobState, Order, Person, Role
from medusa.settings import check
from medusa.storage import Store, open_store
from medusa.storage.answers import Answers
from medusa.storage.audit import Audit
from medusa.storage.channels import Channel, ChannelTable
from medusa.storage.contents import COLUMNS, TABLES
from medusa.storage.erasing import erase_person, unfinished
from medusa.storage.exporting import export
from medusa.storage.handled import Handled
from medusa.storage.importing import Taken, take
from medusa.storage.jobs import Jobs
from medusa.storage.library import Posts, keep
from medusa.storage.people import put
from medusa.storage.settings import StoredSettings
from medusa.storage.telegram import Entity, Login, TelegramState
from medusa.storage.vault import Kept, Kind, VaultTable
from tests.integration.storage_kit import shown

PERSON, OTHER = 777000111, 777000222
SECRET = "hush-4f1d9a"


async def fill(store: Store) -> None:
    """Something of everything, for two people, with what nobody else may see."""
    for person, name in ((PERSON, "mark-person"), (OTHER, "mark-other")):
        order = Order(f"https://example.org/{name}-link", caption=f"{name}-caption", keys=SECRET, headers=SECRET)
        [done, live] = await Jobs(store).add([order, order], person, 1, time.time())
        await Jobs(store).save(replace(done, state=JobState.DONE, title=f"{name}-title", ended=2.0, told=True))
        async with store.write() as db:
            post = shown(
                done, link=f"https://example.org/{name}-link", title=f"{name}-title", caption=f"{name}-caption"
            )
            await keep(db, replace(post, chat_id=person))
        assert await Posts(store).find(f"{name}-title", 5, 10**6)
        await Answers(store).put(f"{name}-answer", name.encode() * 50)
        await TelegramState(store).save(
            Login(2, "127.0.0.1", 1, SECRET.encode() * 20), [Entity(person, 5, f"{name}-user", None, f"{name}-named")]
        )
        assert live.id
        await Audit(store).note(person, "dl", f"{name}-detail", 1.0)
        async with store.write() as db:
            await put(db, Person(person, f"{name}-known", Role.USER), 1.0)
    await VaultTable(store).put([Kept(Kind.COOKIES, "example.org", "", SECRET, 1.0)])
    await StoredSettings(store).set("quality", "720")
    await StoredSettings(store).set(f"quality@{OTHER}", "480")
    await Handled(store).mark(OTHER, 9, 5.0)
    await ChannelTable(store).put(Channel(-1001, "A channel", "channel", {"quality": "480"}))


async def exported(store: Store, path: Path, person: int | None = None) -> dict[str, int]:
    return await store.aside(lambda connection: export(connection, path, 1.0, person))


async def taken(folder: Path, path: Path) -> Taken:
    async with open_store(folder) as store:
        return await take(store, path, check)


async def rows(store: Store, name: str) -> list[tuple[Any, ...]]:
    return await store.read(f"SELECT * FROM {name} ORDER BY 1")  # noqa: S608


async def test_it_is_decided_of_each_column_whether_it_is_exported(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        there = {f"{table}.{column}" for table, column in await store.read(COLUMNS)}
    there = {name for name in there if not name.startswith("library_words")}
    decided = [f"{name}.{one}" for name, table in TABLES.items() for one in f"{table.shown} {table.left}".split()]
    assert sorted(there - set(decided)) == [], "say in medusa/storage/contents.py what becomes of these"
    assert len(decided) == len(set(decided))
    assert all(table.why for table in TABLES.values() if table.left)


async def test_an_export_holds_no_secret_and_comes_back_whole_and_once(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    async with open_store(tmp_path / "a") as store:
        await fill(store)
        counts = await exported(store, path)
        before = [await rows(store, name) for name in ("library", "settings", "channels", "handled")]
    text = path.read_text()
    assert SECRET not in text
    assert path.stat().st_mode & 0o777 == 0o600
    first, *lines, last = map(json.loads, text.splitlines())
    assert (first["counts"], len(lines)) == (counts, sum(counts.values()))
    assert (counts["jobs"], counts["vault"], len(last["sha256"])) == (4, 1, 64)
    found = await taken(tmp_path / "b", path)
    assert (found.new["jobs"], found.new["library"], found.known) == (4, 2, 0)
    assert (await taken(tmp_path / "b", path)).new == {}
    async with open_store(tmp_path / "b") as store:
        assert [await rows(store, name) for name in ("library", "settings", "channels", "handled")] == before
        assert await Posts(store).find("mark-other-title", 5, 10**6)
        live = await Jobs(store).live()
        assert {(job.state, job.reason[:8], job.files) for job in live} == {(JobState.PAUSED, "imported", ())}
        assert len(live) == 2
        assert await TelegramState(store).login() is None


async def test_numbers_that_are_taken_are_given_anew_together_with_what_refers_to_them(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a") as store:
        await fill(store)
        await exported(store, tmp_path / "all.jsonl")
    async with open_store(tmp_path / "b") as store:
        await Jobs(store).add([Order("https://example.org/mine")] * 3, 1, 1, 1.0)
    await taken(tmp_path / "b", tmp_path / "all.jsonl")
    async with open_store(tmp_path / "b") as store:
        [post] = await Posts(store).find("mark-person-title", 5, 10**6)
        job = await Jobs(store).get(post.job_id)
        assert job is not None
        assert (job.title, job.id) == ("mark-person-title", 4)


async def test_a_person_gets_what_is_theirs_alone(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await fill(store)
        await exported(store, tmp_path / "one.jsonl", PERSON)
    text = (tmp_path / "one.jsonl").read_text()
    assert all(f"mark-person-{what}" in text for what in ("link", "title", "caption", "named"))
    assert not re.search(f"mark-other|{OTHER}|{SECRET}|A channel", text)


def row(**values: Any) -> str:
    job = {
        "id": 1, "state": "done", "stage": "post", "order": '{"link": "https://a.example"}', "chat_id": 1,
        "message_id": 1, "ordinal": 0, "created": 1.0, "attempts": 0, "not_before": 0.0, "reason": "", "title": "",
        "size": 1, "told": 1, "priority": "normal", "arrival": 1, "turn": 1, "host": "",
    }  # fmt: skip
    return json.dumps({"in": "jobs", "row": {**job, **values}})


def person(**values: Any) -> str:
    known = {"id": 5, "name": "Eve", "role": "user", "trusted": 0, "chats": "", "added": 1.0}
    return json.dumps({"in": "people", "row": {**known, **values}})


def entry(name: str, **values: Any) -> str:
    return json.dumps({"in": name, "row": values})


HOSTILE: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "no JSON"),
    "deep": ('{"in":' + "[" * 5000 + "]" * 5000 + "}", "nested too deeply"),
    "deeper than the parser": ('{"in":' + "[" * 200000 + "]" * 200000 + "}", "nested too deeply"),
    "seven deep": ('{"in":[[[[[[[1]]]]]]]}', "nested too deeply"),
    "a giant line": ('{"in":"' + "x" * 5_000_000 + '"}', "more than 4 MiB"),
    "a name twice": ('{"in":"jobs","in":"jobs","row":{}}', "twice"),
    "NUL": (row(title="a\0b"), "what no text may"),
    "half a letter": ('{"in":"jobs","row":{"title":"\\ud800"}}', "what no text may"),
    "a huge number": (row(size=2**63), "out of range"),
    "endless digits": ('{"in":"jobs","row":{"size":' + "9" * 5000 + "}}", "can't be used"),
    "a huge float": ('{"in":"jobs","row":{"created":1e999}}', "out of range"),
    "no number": ('{"in":"jobs","row":{"created":NaN}}', "out of range"),
    "another table": (entry("telegram_login", id=1), "table that there is not"),
    "a table of the system": (entry("sqlite_master", sql="x"), "table that there is not"),
    "a table as SQL": (entry('jobs" --', id=1), "table that there is not"),
    "another column": (row(evil=1), "column that there is not"),
    "a column as SQL": (row(**{'id" = 1 --': 1}), "column that there is not"),
    "paths": (row(files='[{"path": "/etc/passwd", "name": "x"}]'), "column that there is not"),
    "a computed column": (row(place=1.0), "column that there is not"),
    "another type": (row(size="1"), "another type"),
    "yes for a number": (row(size=True), "neither a number"),
    "a list": (row(size=[1]), "neither a number"),
    "bad base64": (entry("thumb", one=1, picture={"base64": "§"}, at=1.0), "can't be used"),
    "nothing": (row(title=None), "title is missing"),
    "no key": (entry("settings", value="x"), "key is missing"),
    "an order that is none": (row(order='{"link": "x", "evil": 1}'), "order is none"),
    "an order of other types": (row(order='{"link": 5}'), "order is none"),
    "an order's path": (row(order='{"link": "x", "to": "../x"}'), "order is none"),
    "an order that is no JSON": (row(order="{"), "can't be used"),
    "an order deeper than the parser": (row(order='{"link":' + "[" * 200000 + "]" * 200000 + "}"), "too deeply"),
    "defaults deeper than the parser": (
        entry("channels", chat_id=-1001, title="t", kind="channel", defaults="[" * 200000), "too deeply"
    ),
    "half a letter in an order": (row(order='{"link": "\\ud800"}'), "what no text may"),
    "an order with a huge number": (row(order='{"link": "x", "person": 99999999999999999999}'), "out of range"),
    "a turn behind which there is none": (row(arrival=2**63 - 1), "turn is out of range"),
    "a time that no calendar has": (row(created=1e300), "created is no time"),
    "an owner": (person(role="owner"), "CHECK"),
    "nobody": (person(id=0), "no person"),
    "chats that are none": (person(chats="-1001 x"), "no person"),
    "a second thumbnail": (entry("thumb", one=2, picture={"base64": "/9gA"}, at=1.0), "CHECK"),
    "a job without a time": (row(created=None), "created is missing"),
    "half of a job": (entry("jobs", chat_id=1, message_id=2, ordinal=0, state="done", stage="post",
                            priority="normal", order='{"link": "x"}', arrival=1, turn=1), "NOT NULL"),
    "another state": (row(state="evil"), "not a valid JobState"),
    "another stage": (row(stage="evil"), "not a valid Stage"),
    "no setting": (entry("settings", key="evil", value="x"), "no setting"),
    "nobody's setting": (entry("settings", key="quality@x", value="720"), "no setting"),
    "the owner's setting twice": (entry("settings", key="quality@0", value="720"), "no setting"),
    "one's own where all have the same": (entry("settings", key=f"backup@{OTHER}", value="1d"), "the same for all"),
    "no value": (entry("settings", key="quality", value="../x"), "does not fit"),
    "a spot": (entry("routes", id=1, host="", kind="", above=0, below=0, spot="x"), "spot is none"),
    "a picture": (entry("thumb", one=1, picture={"base64": "AAAA"}, at=1.0), "no thumbnail"),
    "no row": ('{"in":"jobs"}', "no row"),
    "a list of lines": ("[1]", "no object"),
}  # fmt: skip


async def test_hostile_lines_change_nothing(tmp_path: Path) -> None:
    async with open_store(tmp_path / "a") as store:
        await exported(store, tmp_path / "empty.jsonl")
        head, end = (tmp_path / "empty.jsonl").read_text().splitlines()
        path = tmp_path / "hostile.jsonl"
        for name, (line, words) in HOSTILE.items():
            path.write_text(f"{head}\n{row()}\n{line}\n{end}\n")
            with pytest.raises(UserError) as caught:
                await take(store, path, check)
            assert words in caught.value.user_text, name
            assert len(caught.value.user_text) < 300, name
            assert await store.read("SELECT count(*) FROM jobs") == [(0,)], name
        wholes: dict[str, Callable[[str], str]] = {
            "newer": lambda text: text.replace('"schema":', '"schema":9'),
            "cut": lambda text: text[: text.index("\n") + 1],
            "changed": lambda text: text.replace('"made":1.0', '"made":2.0'),
            "longer": lambda text: f"{text}{row()}\n",
            "headless": lambda text: text[text.index("\n") + 1 :],
            "empty": lambda text: "",
            "binary": lambda text: "\udcff\udcfe",
        }
        for change in wholes.values():
            path.write_text(change(f"{head}\n{end}\n"), errors="surrogateescape")
            with pytest.raises(UserError):
                await take(store, path, check)
        assert await store.read("SELECT count(*) FROM jobs") == [(0,)]


def decrypted(store: Store) -> bytes:
    """Every page of the state file in plain, free ones too: AES-256-CBC, a nonce and an HMAC at the end of each."""
    place = store.place
    data = (place.folder / "medusa.db").read_bytes()
    plain = []
    for at in range(0, len(data), place.page):
        page = data[at : at + place.page]
        body = page[16 if at == 0 else 0 : -80]
        plain.append(AES.new(place.data_key, AES.MODE_CBC, iv=page[-80:-64]).decrypt(body))
    return b"".join(plain)


async def test_of_an_erased_person_no_byte_is_left(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await fill(store)
        assert await unfinished(store, PERSON) == [2]
        await store.read("PRAGMA wal_checkpoint(TRUNCATE)")
        assert b"mark-person-title" in decrypted(store)
        gone, jobs = await erase_person(store, PERSON)
        assert (gone["jobs"], gone["library"], gone["telegram_entities"], jobs) == (2, 1, 1, [1, 2])
        await store.rewrite()
        await store.read("PRAGMA wal_checkpoint(TRUNCATE)")
        plain = decrypted(store)
        assert b"mark-person" not in plain
        assert plain.startswith(b"\x04\x00") or b"CREATE TABLE" in plain
        assert b"mark-other-title" in plain
        assert (tmp_path / "medusa.db-wal").stat().st_size == 0
        assert [post.title for post in await Posts(store).find("title", 5, 10**6)] in ([], ["mark-other-title"])
        assert await Posts(store).find("mark-other-title", 5, 10**6)
        assert await store.read("PRAGMA foreign_key_check") == []
        assert await Audit(store).verified() == 2
        assert [one.person for one in await Audit(store).recent(5)] == [OTHER, None]
        assert await erase_person(store, PERSON) == ({}, [])
        assert await erase_person(store, 5) == ({}, [])
