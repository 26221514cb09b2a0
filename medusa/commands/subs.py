"""/subs: the subtitles of a video: which there are, as files, burned in, put in, or left out."""

from markupsafe import Markup

from medusa.commands import Answer, Call, Command, Later
from medusa.commands.editing import edited, targets, together
from medusa.commands.ordering import POSTING, SCHEDULING, option_of, order_of, submit
from medusa.errors import UserError
from medusa.names import display_name
from medusa.sources.inspecting import Inspected
from medusa.sources.telegram import link_to
from medusa.steps import all_wishes
from medusa.steps.captions import listed

_OPTIONS = ("as", "burn")


async def _run(call: Call) -> Answer:
    links, words = await targets(call)
    edit = _edit(words)
    reply = call.message.reply_to
    beside = link_to(call.message.chat_id, reply) if reply is not None else ""
    if beside and beside not in links:
        if len(links) > 1 or edit.keys() - {"burn"}:
            raise UserError("The subtitle file that you reply to goes into one video: name its link or job alone.")
        links, edit = [together([*links, beside])], {**edit, "embed": "on"}
    if not edit and not any(name in call.options for name in _OPTIONS):
        return Later(lambda: _list(call, links))
    return await submit(call, [edited(link, call, edit) for link in links], call.options.get("at", ""))


def _edit(words: list[str]) -> dict[str, str]:
    """What the words ask for; nothing where there are none. Raises UserError."""
    match [word.lower() for word in words]:
        case []:
            return {}
        case ["off" | "none"]:
            return {"no-subs": "on"}
        case ["burn", *track] if len(track) < 2:
            return {"burn": all_wishes()["burn"].read(" ".join(track))}
        case _:
            return {"subtitle": all_wishes()["subtitle"].read(" ".join(words))}


async def _list(call: Call, links: list[str]) -> Answer:
    found = [one for link in links for one in await call.desk.inspect(order_of(link, call))]
    return Markup("\n\n").join([_told(one, call.prefix) for one in found])


def _told(found: Inspected, prefix: str) -> Markup:
    name, tracks = display_name(found.name), listed(found.look.tracks)
    if found.look.media is None:
        return Markup("{} is no video; to put it into one, name that: {}subs #12").format(name, prefix)
    if not tracks:
        return Markup("There are no subtitles in {}.").format(name)
    lines = [Markup("<b>{}</b>").format(name), *(Markup("{}").format(one) for one in tracks)]
    hint = Markup("{0}subs 1 posts it as a file, {0}subs burn 1 writes it into the pictures, {0}subs off drops all.")
    return Markup("\n").join([*lines, hint.format(prefix)])


COMMAND = Command(
    name="subs",
    aliases=("subtitles", "sub"),
    family="Media",
    about="list, take out, burn in or leave out subtitles; in reply to a subtitle file, put it into a video",
    usage="[LANGUAGE|N|burn [LANGUAGE|N]|off] | in reply to a video, or to a subtitle file with the #JOB of one",
    run=_run,
    options=(*(option_of(all_wishes()[name]) for name in _OPTIONS), *POSTING, *SCHEDULING),
    examples=("subs",),
)
