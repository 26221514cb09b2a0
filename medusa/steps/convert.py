"""Converts video by a recipe: Medusa's own by name, the owner's as the arguments that it stands for."""

from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.steps import Step, Wish
from medusa.steps.draft import Draft
from medusa.steps.recipes import BUILT_IN, follow, obey, read_recipe


def _wants(file: LocalFile, order: Order) -> bool:
    return "convert" in order.edits and file.media is not None


def _draft(draft: Draft, order: Order) -> Draft:
    recipe = order.edits["convert"]
    if not draft.has_video:
        raise UserError(f"{draft.source.name} has no pictures to convert; for sound there is the command audio.")
    made = follow(draft, BUILT_IN[recipe]) if recipe in BUILT_IN else obey(draft, recipe)
    return made.saying("converted")


STEP = Step(
    name="convert",
    stage=38,
    wants=_wants,
    draft=_draft,
    example="film.mkv",
    wishes=(
        Wish(
            "convert",
            "convert by a recipe",
            "a recipe: phone, 720, 480, small, hevc, mkv, mp4, or your own",
            read=read_recipe,
            example="480",
        ),
    ),
)
