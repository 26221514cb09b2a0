"""/token: the token with which a site knows the owner."""

from medusa.commands import Call, Command
from medusa.commands.secrets import forgotten, listed, site_and_rest
from medusa.model import Role
from medusa.storage.vault import Kind
from medusa.vault import a_token


async def _run(call: Call) -> str:
    if not call.words:
        return await listed(call, Kind.TOKEN, f"There are no tokens. Keep one: {call.prefix}token example.com TOKEN")
    if call.words[0].lower() == "forget":
        return await forgotten(call, Kind.TOKEN, call.words[1:])
    site, rest = await site_and_rest(call, "token example.com TOKEN")
    name, value = a_token(rest)
    kept = await call.desk.vault.keep_token(site, name, value)
    return f"The token{f' {kept.name}' if kept.name else ''} is kept. It goes to {kept.site}, and nowhere else."


COMMAND = Command(
    name="token",
    role=Role.OWNER,
    audited=True,
    aliases=("tokens",),
    family="Settings",
    about="keep the token with which a site knows you; alone: list sites and ages. The message is deleted at once",
    usage="[SITE [NAME=]TOKEN | forget SITE [NAME]]",
    run=_run,
    examples=("token", "token example.com eyJhbGciOi", "token forget example.com"),
    secret=True,
)
