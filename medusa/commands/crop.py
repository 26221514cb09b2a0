"""/crop: keep only a part of the picture."""

from medusa.commands.editing import editing

COMMAND = editing(
    "crop",
    about="keep only a part of the picture",
    usage="W:H[:X:Y] or proportions such as 9:16",
    takes="crop",
    examples=("crop 9:16", "crop 320:180", "crop 320:180:0:20"),
)
