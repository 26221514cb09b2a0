"""/convert: convert a video by a recipe."""

from medusa.commands.editing import editing

COMMAND = editing(
    "convert",
    about="convert a video by a recipe; recipes lists them",
    usage="RECIPE",
    takes="convert",
    examples=("convert phone", "convert 480", "convert mkv #1"),
)
