"""/compress: make a video or a song no larger than asked."""

from medusa.commands.editing import editing

COMMAND = editing(
    "compress",
    about="make a video or a song no larger than asked",
    usage="SIZE or PERCENT",
    takes="compress",
    examples=("compress 70%", "compress 300K", "compress #1 50%"),
)
