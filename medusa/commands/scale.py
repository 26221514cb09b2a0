"""/scale: make the picture smaller."""

from medusa.commands.editing import editing

COMMAND = editing(
    "scale",
    aliases=("resize",),
    about="make the picture smaller",
    usage="HEIGHT or WIDTHxHEIGHT",
    takes="scale",
    wishes=("enlarge",),
    examples=("scale 180", "scale 320x320", "scale 720 --enlarge"),
)
