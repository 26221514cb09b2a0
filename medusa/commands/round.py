"""/round: make a video a round one."""

from medusa.commands.editing import editing

COMMAND = editing(
    "round",
    aliases=("videonote",),
    about="make a video a round one",
    usage="",
    takes="round",
    unsaid="on",
    examples=("round", "round #1"),
)
