"""/tag: what a file is called and by whom it is."""

from medusa.commands.editing import editing

COMMAND = editing(
    "tag",
    aliases=("tags",),
    about="write title, artist and the like into a file; an empty value removes one",
    usage="KEY=VALUE…",
    takes="tag",
    examples=("tag title=Into the fractal artist=Benoit", "tag #1 album=", 'tag "comment=seen twice"'),
)
