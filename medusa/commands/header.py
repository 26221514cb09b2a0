"""/header: a header that a site wants to see with each request."""

from medusa.commands import Call, Command
from medusa.commands.secrets import forgotten, listed, site_and_rest
from medusa.model import Role
from medusa.storage.vault import Kind
from medusa.vault import a_header


async def _run(call: Call) -> str:
    if not call.words:
        example = f"{call.prefix}header example.com X-Key: value"
        return await listed(call, Kind.HEADER, f"There are no headers. Keep one: {example}")
    if call.words[0].lower() == "forget":
        return await forgotten(call, Kind.HEADER, call.words[1:])
    site, rest = await site_and_rest(call, "header example.com X-Key: value")
    name, value = a_header(rest)
    kept = await call.desk.vault.keep_header(site, name, value)
    return f"The header {kept.name} is kept. It goes to {kept.site}, and nowhere else."


COMMAND = Command(
    name="header",
    role=Role.OWNER,
    audited=True,
    aliases=("headers",),
    family="Settings",
    about="keep a header that a site wants to see; alone: list sites and names. The message is deleted at once",
    usage="[SITE Name: value | forget SITE [NAME]]",
    run=_run,
    examples=("header", "header example.com X-Key: 123456", "header forget example.com"),
    secret=True,
)
