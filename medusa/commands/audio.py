"""/audio: the sound of a video, as a song."""

from medusa.commands.editing import editing

COMMAND = editing(
    "audio",
    aliases=("sound",),
    about="keep the sound alone, as it is where that is possible",
    usage="[copy|mp3|m4a|opus|ogg|flac|wav]",
    takes="audio",
    examples=("audio", "audio mp3", "audio #1 flac"),
)
