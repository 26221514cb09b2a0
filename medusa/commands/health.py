"""/health: is all well, and if not, what is wrong and what helps."""

from collections.abc import Sequence

from markupsafe import Markup

from medusa.commands import Answer, Call, Command, Later
from medusa.findings import Finding
from medusa.model import Role


async def _run(call: Call) -> Answer:
    async def work() -> Answer:
        return worded(await call.desk.checks())

    return Later(work)


def worded(checks: Sequence[Finding]) -> Markup:
    """What is wrong first, with what helps; then what is well, a line each."""
    wrong = [check for check in checks if not check.well]
    title = (
        "All is well." if not wrong else "One thing is wrong:" if len(wrong) == 1 else f"{len(wrong)} things are wrong:"
    )
    lines = [Markup("<b>{}</b>").format(title)]
    lines += [Markup("✗ <b>{}</b> {}").format(one.name, f"{one.seen} {one.advice}".rstrip()) for one in wrong]
    lines += [Markup("✓ <b>{}</b> {}").format(one.name, one.seen) for one in checks if one.well]
    return Markup("\n").join(lines)


COMMAND = Command(
    name="health",
    role=Role.ADMIN,
    aliases=("checks",),
    family="Care",
    about="whether all is well, and if not, what helps",
    run=_run,
    examples=("health",),
)
