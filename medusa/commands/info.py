"""/info: what a link is, before it is fetched."""

from markupsafe import Markup

from medusa.commands import Answer, Call, Command, Later
from medusa.commands.cards import facts, would_be_taken
from medusa.commands.ordering import QUALITY_OPTION, link_of, order_of
from medusa.errors import UserError
from medusa.sources.described import Description

_MOST_SHOWN = 12


async def _run(call: Call) -> Answer:
    if len(call.words) != 1:
        raise UserError(f"Which link? For instance: {call.prefix}info https://example.com/video.mp4")
    order = order_of(link_of(call.words[0]), call)

    async def work() -> Answer:
        return _card(await call.desk.look(order, ""), call)

    return Later(work)


def _card(found: Description, call: Call) -> Markup:
    """What was found out, in a few lines."""
    lines = [Markup("<b>{}</b>").format(found.title), Markup("{}").format(facts(found))]
    lines += [Markup("{}").format(one) for one in found.versions[:_MOST_SHOWN]]
    lines += [taken] if (taken := would_be_taken(found)) else []
    lines += [Markup("{}").format(extras)] if (extras := _extras(found)) else []
    lines += [Markup("{}. {}").format(number, one.title) for number, one in enumerate(found.entries, start=1)]
    if found.kind == "playlist":
        lines.append(_all_of_it(found, call))
    return Markup("\n").join(lines)


def _extras(found: Description) -> str:
    shown = ", ".join(found.subtitles[:_MOST_SHOWN])
    more = f" and {len(found.subtitles) - _MOST_SHOWN} more" if len(found.subtitles) > _MOST_SHOWN else ""
    parts = [f"{found.chapters} chapters"] if found.chapters else []
    return " · ".join([*parts, *([f"subtitles: {shown}{more}"] if shown else [])])


def _all_of_it(found: Description, call: Call) -> Markup:
    more = (found.count or 0) - len(found.entries) - found.skipped
    lead = f"… and {more} more. " if more > 0 else ""
    words = Markup("{}<code>{}dl LINK --playlist</code> fetches them all, <code>--playlist 1-5</code> some.")
    return words.format(lead, call.prefix)


COMMAND = Command(
    name="info",
    family="Download",
    about="what a link is, and which version of it would be fetched",
    usage="LINK",
    run=_run,
    options=(QUALITY_OPTION,),
    examples=("info https://example.com/watch", "info https://example.com/watch -q 720"),
)
