"""The settings: what is in force, what it takes, and what is the rule."""

from medusa.errors import UserError
from medusa.settings import FAMILIES
from medusa.web.page import Fields, Given, Page, Visit


async def _show(visit: Visit) -> Given:
    settings = visit.desk.settings
    rows = {
        family: [
            (one, one.show(settings[one]), one.show(one.default), settings.changed(one), one.form == "on or off")
            for one in some
        ]
        for family, some in FAMILIES.items()
    }
    return {"families": rows}


def _words(fields: Fields) -> str:
    """The form of one setting: its key, and the value that it is to have."""
    key, value = fields.get("key", ""), " ".join(fields.get("value", "").split())
    if not value:
        raise UserError(f"Which value? An empty one is none; Reset returns {key} to its default.")
    return f"set {key} {value}"


PAGE = Page(
    path="/settings",
    title="Settings",
    show=_show,
    place=70,
    icon="settings",
    commands=frozenset({"set", "unset"}),
    words=_words,
)
