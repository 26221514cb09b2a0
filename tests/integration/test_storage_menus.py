"""Menus in a real encrypted database."""

from dataclasses import replace
from pathlib import Path

from medusa.storage import open_store
from medusa.storage.menus import KEPT_FOR, Menus, Offer
from tests.integration.storage_kit import CHAT


async def test_a_menu_outlives_a_restart_for_a_week_and_the_latest_of_a_message_counts(tmp_path: Path) -> None:
    old, new = Offer("cancel {}", ("3", "7"), True, 5.0), Offer("dl x -q {}", ("720",), False, 6.0)
    async with open_store(tmp_path / "state") as store:
        menus = Menus(store)
        await menus.put(CHAT, 7, old)
        assert await menus.get(CHAT, 7) == old
        await menus.put(CHAT, 7, new)
    async with open_store(tmp_path / "state") as store:
        menus = Menus(store)
        assert await menus.get(CHAT, 7) == new
        assert await menus.get(CHAT, 8) is None
        assert await menus.get(CHAT + 1, 7) is None
        await menus.put(CHAT, 8, replace(old, at=6.0 + KEPT_FOR))
        assert await menus.get(CHAT, 7) == new
        await menus.put(CHAT, 8, replace(old, at=6.1 + KEPT_FOR))
        assert await menus.get(CHAT, 7) is None
