"""Lines on what a link is, which several commands show."""

from markupsafe import Markup

from medusa.sources.described import Description
from medusa.words import size, span


def facts(found: Description) -> str:
    """What is known of it, in one line."""
    parts = [found.kind, found.site, found.author, found.published]
    parts += [span(found.duration)] if found.duration else []
    parts += [size(found.size)] if found.size is not None else []
    if found.resumable is not None:
        parts.append("goes on after a break" if found.resumable else "starts over after a break")
    parts += [f"{found.count} items"] if found.count else []
    return " · ".join(part for part in parts if part)


def would_be_taken(found: Description) -> Markup | None:
    """The version that would be fetched, and why; None where there is no choice."""
    if not found.taken and not found.why:
        return None
    return Markup("Would be taken: {}; {}").format(found.taken or "nothing", found.why)
