"""The settings: what is in force, what it takes, and what is the rule."""

from medusa.errors import UserError
from medusa.settings import ALL, FAMILIES, find
from medusa.web.page import Fields, Given, Page, Visit


async def _show(visit: Visit) -> Given:
    settings, typed = visit.desk.settings, visit.typed
    shown = {key: one.show(settings[one]) for key, one in ALL.items()}
    wrong = typed["key"] if typed.get("key") in ALL else ""
    if wrong:
        shown[wrong] = typed.get("value", "")
    rows = {
        family: [
            (one, shown[one.key], one.show(one.default), settings.changed(one), one.form == "on or off") for one in some
        ]
        for family, some in FAMILIES.items()
    }
    return {"families": rows, "wrong": wrong}


def _words(fields: Fields) -> str:
    """The form of one setting: its key, and the value that it is to have, whatever that looks like."""
    key, value = find(fields.get("key", "")).key, " ".join(fields.get("value", "").split())
    if not value:
        raise UserError(f"Which value? An empty one is none; Reset returns {key} to its default.")
    quote = "'" if any(mark in value for mark in '"“”„«»') else '"'
    if quote == "'" and "'" in value:
        raise UserError("A value with both kinds of quotes can't be given here.")
    return f"set {key} {quote}{value}{quote}"


PAGE = Page(
    path="/settings",
    title="Settings",
    show=_show,
    place=70,
    icon="settings",
    commands=frozenset({"set", "unset"}),
    words=_words,
)
