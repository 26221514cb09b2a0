"""/shots: post a contact sheet of a video, or single screenshots."""

from medusa.commands.editing import editing

COMMAND = editing(
    "shots",
    aliases=("screenshots", "sheet"),
    about="post a contact sheet of a video, or a number of single screenshots",
    usage="[3x3 | 6]",
    takes="shots",
    unsaid="3x3",
    examples=("shots", "shots 4x4", "shots 6", "shots #1 2x3"),
)
