"""The latest lines of the log, by level, job and text."""

import logging

from medusa.model import Role
from medusa.observe.lines import lines
from medusa.web.page import Given, Page, Visit

LINES = 200
LEVELS = {"all": logging.NOTSET, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


async def _show(visit: Visit) -> Given:
    level, text = visit.query.get("level", "info"), visit.query.get("text", "")[:200]
    level = level if level in LEVELS else "info"
    job = visit.number("job") or None
    found = lines.find(limit=LINES, level=LEVELS[level], job=job, text=text)
    return {"found": found[::-1], "levels": LEVELS, "level": level, "text": text, "job": job or "", "words": _word}


def _word(level: int) -> str:
    return logging.getLevelName(level).lower()


PAGE = Page(path="/logs", title="Logs", show=_show, place=80, role=Role.OWNER, icon="log")
