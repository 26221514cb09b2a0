"""The figures of a run: samples, medians and spreads, and whether a target is met."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One upload: what the client's process measured, or why it failed."""

    peer: str
    scenario: str
    round: int
    size: int
    values: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return float(self.size / self.values["seconds"])


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several figures, with the least and the most."""

    middle: float
    least: float
    most: float

    def __format__(self, form: str) -> str:
        text = format(self.middle, form)
        return text if self.least == self.most else f"{text} ({self.least:{form}}–{self.most:{form}})"


def spread(figures: list[float]) -> Spread | None:
    """Median, least and most; None without figures."""
    return Spread(median(figures), min(figures), max(figures)) if figures else None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of targets; ``met`` is None where there is nothing to compare."""

    measure: str
    value: str
    target: str
    met: bool | None = None


@dataclass(slots=True)
class Results:
    """Everything that one run has found."""

    samples: list[Sample] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    figures: dict[str, list[float]] = field(default_factory=dict)
    """The raw figures behind the rows that come from no sample, by name."""

    def good(self, peer: str, scenario: str) -> list[Sample]:
        """The uploads of a peer that went well, in the order of the rounds."""
        return [s for s in self.samples if (s.peer, s.scenario) == (peer, scenario) and not s.error]

    def error(self, peer: str, scenario: str) -> str:
        """Why a peer failed, or nothing."""
        found = [s.error for s in self.samples if (s.peer, s.scenario) == (peer, scenario) and s.error]
        return found[0] if found else ""

    def figure(self, peer: str, scenario: str, name: str, scale: float = 1.0) -> Spread | None:
        """A figure of the good uploads, each divided by ``scale``."""
        return spread([s.values[name] / scale for s in self.good(peer, scenario)])

    def ratios(self, peer: str, other: str, scenario: str, name: str) -> Spread | None:
        """A figure of ``peer`` divided by the other's, round by round."""
        theirs = {s.round: s.values[name] for s in self.good(other, scenario)}
        mine = self.good(peer, scenario)
        return spread([s.values[name] / theirs[s.round] for s in mine if theirs.get(s.round)])

    def record(
        self, measure: str, figures: list[float], form: str, target: str, meets: Callable[[float], bool]
    ) -> None:
        """Keep raw figures, and add their median to the table of targets."""
        self.figures[measure] = figures
        found = spread(figures)
        self.add(measure, found, form, target, found is not None and meets(found.middle))

    def failed(self, measure: str, why: str) -> None:
        """Add a line for what could not be measured."""
        self.rows.append(Row(measure, f"failed: {why}", "", met=False))

    def add(self, measure: str, figure: Spread | None, form: str, target: str, met: bool | None) -> None:
        """Add a line to the table of targets; without a figure it says so."""
        self.rows.append(Row(measure, "–" if figure is None else f"{figure:{form}}", target, met if figure else None))
