"""/recipe: the recipes by which videos are converted, and the owner's own."""

import re

from markupsafe import Markup

from medusa.commands import Call, Command
from medusa.errors import UserError
from medusa.model import Role
from medusa.names import quoted
from medusa.settings import MOST_RECIPES, RECIPES
from medusa.steps.recipes import BUILT_IN, read_recipe

_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


async def _run(call: Call) -> str:
    match call.words:
        case () | ("list",):
            return _listed(call)
        case ("add", name, _, *_):
            return await _added(call, name.lower(), call.words[2:])
        case ("remove" | "forget" | "delete", name):
            return await _removed(call, name.lower())
    example = f"{call.prefix}recipe add tiny -c:v h264 -crf 30 -vf scale=-2:360"
    raise UserError(f"For instance: {example}, {call.prefix}recipe remove tiny, or {call.prefix}recipes to see all.")


def _listed(call: Call) -> str:
    line = Markup("<b>{}</b>: {}")
    lines = [line.format(name, recipe.about) for name, recipe in BUILT_IN.items()]
    lines += [Markup("<b>{}</b>: <code>{}</code>").format(*own) for own in call.desk.settings[RECIPES].items()]
    hint = Markup("In reply to a video: <code>{}convert phone</code>. Yours: <code>{}recipe add NAME ARGUMENTS</code>")
    return Markup("\n").join([*lines, hint.format(call.prefix, call.prefix)])


async def _added(call: Call, name: str, words: tuple[str, ...]) -> str:
    if not _NAME.fullmatch(name):
        raise UserError(f"{quoted(name)} is no name for a recipe: a letter, then up to 19 letters, digits and dashes.")
    if name in BUILT_IN:
        raise UserError(f"{name} is a recipe of Medusa's own; give yours another name.")
    kept = call.desk.settings[RECIPES]
    own = {**kept}
    if len(own) >= MOST_RECIPES and name not in own:
        raise UserError(f"There are {MOST_RECIPES} recipes of yours; remove one first.")
    if not words[0].startswith("-"):
        raise UserError(f"{quoted(words[0])} is no argument of ffmpeg's; a recipe begins with one such as -c:v.")
    own[name] = read_recipe(" ".join(words))
    await _kept(call, own)
    return f"The recipe {name} is kept: {own[name]}. In reply to a video: {call.prefix}convert {name}"


async def _removed(call: Call, name: str) -> str:
    kept = call.desk.settings[RECIPES]
    own = {**kept}
    if own.pop(name, None) is None:
        said = "is a recipe of Medusa's own, which stays" if name in BUILT_IN else "is no recipe of yours"
        raise UserError(f"{quoted(name)} {said}. See {call.prefix}recipes.")
    await _kept(call, own)
    return f"The recipe {name} is gone."


async def _kept(call: Call, own: dict[str, str]) -> None:
    await call.desk.settings.set(RECIPES.key, RECIPES.show(own))


COMMAND = Command(
    name="recipe",
    role=Role.ADMIN,
    audited=True,
    aliases=("recipes",),
    family="Media",
    about="list the recipes of convert, and keep your own as arguments of ffmpeg's",
    usage="[add NAME ARGUMENTS… | remove NAME]",
    run=_run,
    examples=("recipes", "recipe add tiny -c:v h264 -crf 30 -vf scale=-2:360", "recipe remove tiny"),
    verbatim=True,
)
