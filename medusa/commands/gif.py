"""/gif: make a video a GIF: without sound, over and over."""

from medusa.commands.editing import editing

COMMAND = editing(
    "gif",
    about="make a video a GIF: without sound, over and over",
    usage="",
    takes="gif",
    unsaid="on",
    examples=("gif", "gif #1"),
)
