"""/split: post a file in parts."""

from medusa.commands.editing import editing

COMMAND = editing(
    "split",
    about="post a file in parts: of at most a size, or so many",
    usage="SIZE|N",
    takes="split",
    examples=("split 2", "split 150K", "split #1 3"),
)
