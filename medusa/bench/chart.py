"""Draws the upload rates as a bar chart in SVG."""

import html
from collections.abc import Sequence
from statistics import median

from medusa.bench.peers import Peer
from medusa.bench.plan import MB, Plan
from medusa.bench.report import machine
from medusa.bench.results import Results

_WIDTH, _LEFT, _RIGHT, _BAR, _GAP = 760, 150, 110, 16, 26
_HEAD = 56

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.group { font-weight: 600 }
.small { font-size: 11px; fill: #59636e }
.own { fill: #0a7d5a }
.peer { fill: #9aa7b4 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  .own { fill: #2fbf8f }
  .peer { fill: #57626d }
}
"""


def draw(results: Results, plan: Plan, peers: Sequence[Peer]) -> str:
    """One group of bars per scenario, one bar per client, with the rate in MB/s at its end."""
    groups = [(scenario.name, _bars(results, scenario.name, peers)) for scenario in plan.uploads]
    most = max((rate for _, bars in groups for _, rate, _ in bars), default=0.0) or 1.0
    parts: list[str] = []
    top = _HEAD
    for name, bars in groups:
        parts.append(_text(0, top + 12, name, "group"))
        top += 20
        for label, rate, own in bars:
            parts.append(_bar(top, label, rate, rate / most, own=own))
            top += _BAR + 5
        top += _GAP - 5
    here = machine()
    foot = (
        f"{here['cpu']}, {here['cores']} cores, Python {here['python']}; median of {plan.rounds}; python3 run.py bench"
    )
    title = f"Uploading {plan.size // MB} MB of random data, MB/s"
    body = "\n".join([_text(0, 18, title, "title"), _text(0, 36, foot, "small"), *parts])
    label = html.escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -6 {_WIDTH + 24} {top}" role="img" '
        f'aria-label="{label}">\n'
        f"<style>{_STYLE}</style>\n{body}\n</svg>\n"
    )


def _bars(results: Results, scenario: str, peers: Sequence[Peer]) -> list[tuple[str, float, bool]]:
    """Label, MB/s and whether it is Medusa, of each client; 0 for one that failed."""
    bars = []
    for peer in peers:
        rates = [sample.rate / MB for sample in results.good(peer.label, scenario)]
        bars.append((peer.label, median(rates) if rates else 0.0, peer.own))
    return bars


def _bar(top: int, label: str, rate: float, share: float, *, own: bool) -> str:
    width = max(1.0, share * (_WIDTH - _LEFT - _RIGHT))
    shown = f"{rate:.1f}" if rate else "failed"
    kind = "own" if own else "peer"
    return (
        _text(_LEFT - 8, top + 12, label, "", anchor="end")
        + f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
        + _text(_LEFT + width + 6, top + 12, shown, "")
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'
