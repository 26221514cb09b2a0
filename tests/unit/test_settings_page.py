"""The page about the settings says what the settings are."""

from pathlib import Path

from medusa.settings import ALL
from medusa.settings.page import page

DOCS = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_the_page_is_made_from_the_settings() -> None:
    assert DOCS.read_text(encoding="utf-8") == page(), "python3 -m medusa.settings > docs/settings.md"


def test_each_default_fits_its_own_form() -> None:
    for setting in ALL.values():
        assert setting.parse(setting.show(setting.default)) == setting.default, setting.key
