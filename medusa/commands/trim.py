"""/trim: keep only some ranges of a video or a song."""

from medusa.commands.editing import editing

COMMAND = editing(
    "trim",
    aliases=("cut",),
    about="keep only some ranges of a video or a song",
    usage="A-B…",
    takes="trim",
    wishes=("exact",),
    examples=("trim 0:01-0:03", "trim 1-2 4- --exact", "trim #1 2-4"),
)
