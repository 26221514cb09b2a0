"""/normalize: sound as loud as that of other videos and songs."""

from medusa.commands.editing import editing

COMMAND = editing(
    "normalize",
    aliases=("normalise", "loudness"),
    about="make the sound evenly loud; the pictures stay as they are",
    usage="[LUFS]",
    takes="loudness",
    examples=("normalize", "normalize -14", "normalise #1"),
)
