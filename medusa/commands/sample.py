"""/sample: a clip from the middle."""

from medusa.commands.editing import editing

COMMAND = editing(
    "sample",
    about="post a clip from the middle of a video or a song",
    usage="[SECONDS]",
    takes="sample",
    wishes=("exact",),
    examples=("sample", "sample 2", "sample #1 3 --exact"),
)
