"""Each plug-in carries an example of use, and each example routes home."""

import re

import pytest

from medusa.commands import Command
from medusa.commands.help import overview, page
from medusa.commands.parsing import split_options
from medusa.discover import plugins
from medusa.sources import Source
from medusa.steps import Step

COMMANDS = plugins("medusa.commands", "COMMAND", Command)
SOURCES = plugins("medusa.sources", "SOURCE", Source)
STEPS = plugins("medusa.steps", "STEP", Step)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_command_examples_route_home(command: Command) -> None:
    names = {name: one for one in COMMANDS.values() for name in (one.name, *one.aliases)}
    assert command.examples
    for example in command.examples:
        name, _, rest = example.partition(" ")
        assert names[name] is command
        if not command.verbatim:
            split_options(rest, command.options)


def test_command_names_and_flags_are_unique() -> None:
    names = [name for command in COMMANDS.values() for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names))
    for command in COMMANDS.values():
        flags = [flag for option in command.options for flag in option.flags]
        assert len(flags) == len(set(flags))
        assert all(re.fullmatch(r"-[a-zA-Z]|--[a-z][a-z-]+", flag) for flag in flags)


def test_help_shows_every_command_and_option() -> None:
    whole = overview(COMMANDS, "/")
    for command in COMMANDS.values():
        assert f"/{command.name}<" in whole
        text = page(command, "/")
        assert all(flag in text for option in command.options for flag in option.flags)


def test_files_are_named_after_their_commands() -> None:
    assert all(command.name == module for module, command in COMMANDS.items())


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: source.name)
def test_source_examples_route_home(source: Source) -> None:
    assert source.examples
    for example in source.examples:
        willing = [one for one in SOURCES.values() if one.pattern.match(example)]
        assert source in willing
        assert not [one for one in willing if one.rank < source.rank]


def test_no_two_sources_share_a_rank_and_no_two_steps_a_stage() -> None:
    ranks = [source.rank for source in SOURCES.values()]
    stages = [step.stage for step in STEPS.values()]
    assert len(ranks) == len(set(ranks))
    assert len(stages) == len(set(stages))
    assert ranks
    assert stages


def test_steps_carry_an_example() -> None:
    assert all(step.example for step in STEPS.values())
