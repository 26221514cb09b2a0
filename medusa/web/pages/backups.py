"""The backups that there are, and whether they have proven themselves."""

from medusa.intervals import rhythm
from medusa.model import Role
from medusa.settings import BACKUP, BACKUP_TO
from medusa.web.page import Given, Page, Visit

MOST = 50


async def _show(visit: Visit) -> Given:
    backups, settings = visit.desk.backups, visit.desk.settings
    return {
        "records": (await backups.table.records())[:MOST],
        "latest": backups.last_good,
        "failures": backups.failures,
        "rhythm": rhythm(settings[BACKUP]),
        "places": BACKUP_TO.show(settings[BACKUP_TO]),
        "shown": (await backups.table.key()).shown,
    }


PAGE = Page(
    path="/backups",
    title="Backups",
    show=_show,
    place=75,
    role=Role.OWNER,
    icon="backup",
    commands=frozenset({"backup"}),
)
