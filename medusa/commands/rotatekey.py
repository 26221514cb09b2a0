"""/rotatekey: put the state under another data key."""

from medusa.commands import Answer, Call, Command, Later
from medusa.errors import UserError
from medusa.model import Role
from medusa.storage.keyring import NAMES


async def _run(call: Call) -> Answer:
    return Later(lambda: _rotated(call))


async def _rotated(call: Call) -> str:
    house = call.desk.house
    if house.has_recovery():
        raise UserError(
            "There are recovery words, and new ones belong on paper, not into a chat. Stop Medusa and rotate there: "
            "python3 run.py rotate-key"
        )
    change = await house.rotate()
    dropped = ", ".join(NAMES[kind] for kind in change.dropped)
    lost = f" No longer opened by: {dropped}; add it again with python3 run.py keys add." if dropped else ""
    return f"The state is under a new data key; your key file or passphrase stays the same.{lost}"


COMMAND = Command(
    name="rotatekey",
    aliases=("rotate-key", "rekey"),
    family="Settings",
    role=Role.OWNER,
    audited=True,
    about="encrypt the whole state anew under another data key; key file and passphrase stay as they are",
    run=_run,
    examples=("rotate-key",),
)
