"""The benchmark runs in a tiny size, so that it cannot rot; what it measures is not judged here."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from medusa.bench.chart import draw
from medusa.bench.children import last_error
from medusa.bench.peers import Peer
from medusa.bench.plan import DOWNLOADS, HEAD, MB, POSTED, Plan, make_plan
from medusa.bench.report import as_json, as_text
from medusa.bench.results import Results, Sample, spread
from medusa.bench.suite import choose
from medusa.discover import plugins
from medusa.errors import UserError


def _bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "medusa.cli", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _texts(drawing: str) -> str:
    return "".join(ElementTree.fromstring(drawing).itertext())  # noqa: S314 - our own drawing


def test_it_measures_uploads_and_the_whole_program(tmp_path: Path) -> None:
    figures, chart = tmp_path / "bench.json", tmp_path / "bench.svg"
    done = _bench(
        *(
            "--quick",
            "--no-install",
            "--rounds",
            "1",
            "--size",
            "1",
            "--only",
            "upload",
            "download",
            "footprint",
            "repost",
            "queue",
            "batch",
        ),
        *("--peers", "telethon", "--json", str(figures), "--chart", str(chart)),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text(encoding="utf-8"))
    moved = found["uploads"]
    scenarios = ("RTT 0 ms", HEAD, *(scenario.name for scenario in DOWNLOADS))
    assert {(one["peer"], one["scenario"]) for one in moved if one["scenario"] != POSTED.name} == {
        (peer, scenario) for peer in ("Medusa", "Telethon") for scenario in scenarios
    }
    downloads = {scenario.name for scenario in DOWNLOADS}
    for one in moved:
        assert one["error"] == ""
        assert one["values"]["payload"] == (0 if one["scenario"] in downloads else one["size"])
    assert found["machine"]["cores"] > 0
    assert set(found["figures"]) >= {
        "bytes of payload of a known file",
        "batch of 10 in order: time ÷ that without an order",
    }
    assert "Telethon" in done.stdout
    assert "bytes of payload of a known file" in done.stdout
    assert "Medusa" in _texts(chart.read_text(encoding="utf-8"))


def test_a_client_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UserError, match="no client nobody"):
        choose(["nobody"])


def test_each_peer_is_found_by_its_file() -> None:
    peers = plugins("medusa.bench.peers", "PEER", Peer)
    assert {peer.label for peer in peers.values()} >= {"Medusa", "Telethon", "Kurigram", "telegram-upload"}
    assert [name for name, peer in peers.items() if peer.own] == ["medusa"]


@pytest.fixture
def results() -> Results:
    found = Results()
    for number, (mine, theirs) in enumerate([(1.0, 4.0), (2.0, 12.0), (1.0, 5.0)], start=1):
        for peer, seconds in (("Medusa", mine), ("Telethon", theirs)):
            values = {"seconds": seconds, "cpu_per_mb": 0.002, "memory": 8 * MB, "stall": 0.004}
            found.samples.append(Sample(peer, HEAD, number, 64 * MB, values))
    found.samples.append(Sample("Kurigram", HEAD, 1, 64 * MB, error="ConnectionError: gone"))
    found.record("some figure", [1.0, 3.0, 2.0], ".1f", "≤ 1", lambda figure: figure <= 1)
    return found


def _plan() -> Plan:
    return make_plan(quick=True, rounds=3, size=64 * MB, only=frozenset())


def _chosen() -> list[Peer]:
    return choose(["kurigram", "telethon"])


def test_ratios_are_taken_round_by_round(results: Results) -> None:
    assert results.ratios("Telethon", "Medusa", HEAD, "seconds") == spread([4.0, 6.0, 5.0])
    assert results.ratios("Kurigram", "Medusa", HEAD, "seconds") is None


def test_the_tables_show_spreads_misses_and_failures(results: Results) -> None:
    text = as_text(results, _plan(), _chosen())
    assert "64.0 (32.0–64.0)" in text
    assert "failed: ConnectionError: gone" in text
    assert "2.0 (1.0–3.0)" in text
    assert "MISSED" in text


def test_the_figures_can_be_written_and_drawn(results: Results) -> None:
    written = json.loads(json.dumps(as_json(results, _plan())))
    assert written["figures"] == {"some figure": [1.0, 3.0, 2.0]}
    drawn = _texts(draw(results, _plan(), _chosen()))
    assert "64.0" in drawn
    assert "Kurigram" in drawn
    assert "failed" in drawn


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Traceback (most recent call last):\n  File x\nValueError: no\n", "ValueError: no"),
        ("a.b.OddError: no\nmore of it\n", "a.b.OddError: no"),
        ("", "it ended without a word"),
    ],
)
def test_a_failure_is_told_in_one_line(text: str, line: str) -> None:
    assert last_error(text) == line


def test_server_and_clients_get_cores_of_their_own() -> None:
    plan = _plan()
    assert not set(plan.server_cores) & set(plan.client_cores)
