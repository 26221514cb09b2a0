"""The recipes for converting: Medusa's and the owner's."""

from medusa.settings import RECIPES, Settings
from medusa.steps.recipes import BUILT_IN, named


def resolved(text: str, settings: Settings) -> str:
    """What stands for a recipe in an order: a built-in one by its name, the owner's by its arguments.

    Raises UserError that tells the nearest for one that there is not.
    """
    if text.strip().startswith("-"):
        return text
    own = settings[RECIPES]
    return own.get(name := named(text, [*BUILT_IN, *own]), name)
