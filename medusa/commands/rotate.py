"""/rotate: turn or mirror the picture."""

from medusa.commands.editing import editing

COMMAND = editing(
    "rotate",
    about="turn or mirror the picture",
    usage="90, 180, 270, mirror or flip",
    takes="rotate",
    examples=("rotate 90", "rotate mirror", "rotate left #1"),
)
