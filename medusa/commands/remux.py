"""/remux: change the container and nothing else."""

from medusa.commands.editing import editing

COMMAND = editing(
    "remux",
    about="change the container and nothing else",
    usage="[mp4 | mkv]",
    takes="remux",
    unsaid="mp4",
    examples=("remux", "remux mkv", "remux mp4 #1"),
)
