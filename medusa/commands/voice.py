"""/voice: the sound of a video or a song, as a voice message."""

from medusa.commands.editing import editing

COMMAND = editing(
    "voice",
    about="make a voice message of the sound",
    takes="voice",
    examples=("voice", "voice #1 --silent"),
)
