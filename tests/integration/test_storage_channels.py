"""The tables of channels and of rules, in a real encrypted file."""

from pathlib import Path

from medusa.storage.channels import Channel, ChannelTable, Rule
from medusa.storage.store import open_store

FILMS = Channel(-1001, "Films", "channel", {"caption": "{title} · “x”", "silent": "on"})


async def test_channels_are_kept_renewed_and_forgotten(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        table = ChannelTable(store)
        await table.put(Channel(-1002, "Music", "forum"))
        await table.put(FILMS)
        await table.put(Channel(-1002, "A \udc80", "group"))
    async with open_store(tmp_path) as store:
        table = ChannelTable(store)
        first, second = await table.all()
        assert (first.chat_id, first.kind, first.title[:2], second) == (-1002, "group", "A ", FILMS)
        await table.forget(-1002)
        await table.forget(-1002)
        assert await table.all() == [FILMS]


async def test_what_is_being_made_is_known_until_it_is_registered(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        table = ChannelTable(store)
        assert await table.begun("Films") is None
        await table.begin("Films", [-5, -7])
        await table.begin("Music", [])
        assert (await table.begun("Films"), await table.begun("Music")) == ([-5, -7], [])
        await table.put(FILMS)
        assert (await table.begun("Films"), await table.begun("Music")) == (None, [])


async def test_rules_keep_their_order_and_numbers(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        table = ChannelTable(store)
        rules = [Rule("", "audio", 0, 0, "-1001"), Rule("a.org", "", 10**9, 0, "-1001/7"), Rule("", "", 0, 5, "-2")]
        assert [await table.add_rule(rule) for rule in rules] == [1, 2, 3]
        assert await table.add_rule(rules[0]) == 1
        assert await table.remove_rule(3)
        assert not await table.remove_rule(3)
        assert await table.add_rule(rules[2]) == 4
        assert [(rule.id, rule.spot, rule.needs_file) for rule in await table.rules()] == [
            (1, "-1001", True),
            (2, "-1001/7", True),
            (4, "-2", True),
        ]
