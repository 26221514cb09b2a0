"""What operators are given fits what Medusa exports: metrics, dashboard, alerts, systemd unit and compose file."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from medusa.config import FIELDS, load
from medusa.observe.metrics import BUILD, REGISTRY

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/medusa.service"
_WORDS = {"sum", "min", "max", "by", "rate", "increase", "histogram_quantile", "clamp_min", "abs", "absent", "time"}
_UNITS = ("seconds", "bytes", "bytes_per_second")
_FOREIGN_UNITS = re.compile(r"(milli|micro|minute|hour|kilo|mega|mib|kb|ms)(s|_|$)")


def families() -> dict[str, Metric]:
    return {one.name: one for one in REGISTRY.collect()}


def series() -> dict[str, tuple[str, set[str]]]:
    """By the name in a query: the type, and the labels."""
    known: dict[str, tuple[str, set[str]]] = {}
    collectors: set[Any] = set(REGISTRY._names_to_collectors.values())
    for one in collectors:
        [family] = one.describe()
        labels = set(one._labelnames)
        if family.type == "counter":
            known[f"{family.name}_total"] = ("counter", labels)
        elif family.type == "histogram":
            known[f"{family.name}_bucket"] = ("counter", labels | {"le"})
            known[f"{family.name}_sum"] = known[f"{family.name}_count"] = ("counter", labels)
        elif family.type == "info":
            known[f"{family.name}_info"] = ("gauge", set())
        else:
            known[family.name] = ("gauge", labels)
    return known


def dashboard_queries() -> list[str]:
    board = json.loads((ROOT / "deploy/grafana/medusa.json").read_text(encoding="utf-8"))
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def rules() -> list[dict[str, Any]]:
    text = (ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def test_metrics_are_named_as_prometheus_wants_it() -> None:
    """The checks of ``promtool check metrics``, and what the conventions say on top of them."""
    for name, family in families().items():
        assert re.fullmatch(r"medusa_[a-z][a-z0-9_]*[a-z0-9]", name), name
        assert family.documentation.endswith("."), name
        assert not _FOREIGN_UNITS.search(name), f"{name} is not in a base unit"
        assert not name.endswith(("_total", "_count", "_sum", "_bucket")), name
        assert family.type in {"counter", "gauge", "histogram", "info"}, name
        if family.type == "histogram":
            assert name.endswith(_UNITS), name
        if "seconds" in name or "bytes" in name:
            assert name.endswith(_UNITS), f"the unit of {name} stands at its end"
    assert not re.search(
        r"chat|link|title|person|host|job_id", " ".join(label for _, ls in series().values() for label in ls)
    )


def test_the_exposition_is_read_back_whole() -> None:
    BUILD.info({"version": "0", "python": "3"})
    told = list(text_string_to_metric_families(generate_latest(REGISTRY).decode()))
    assert {one.name for one in told} == {f"{n}_info" if one.type == "info" else n for n, one in families().items()}
    assert all(one.documentation for one in told)
    promtool = shutil.which("promtool")
    if promtool:
        done = subprocess.run(
            [promtool, "check", "metrics"], input=generate_latest(REGISTRY), capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("expr", [*dashboard_queries(), *(rule["expr"] for rule in rules())])
def test_each_query_asks_for_what_is_exported(expr: str) -> None:
    known = series()
    bare = re.sub(r'"[^"]*"', '""', expr)
    assert all(bare.count(left) == bare.count(right) for left, right in ("()", "[]", "{}"))
    asked = re.findall(r"\bmedusa_\w+", bare)
    assert asked or "up{" in bare
    assert not set(asked) - set(known)
    labels = set().union(*(known[name][1] for name in asked)) | {"job"}
    grouped = {word for group in re.findall(r"\bby \(([^)]*)\)", bare) for word in re.split(r",\s*", group)}
    chosen = {word for group in re.findall(r"\{([^}]*)\}", bare) for word in re.findall(r"(\w+)\s*=", group)}
    assert grouped | chosen <= labels
    words = set(
        re.findall(r"(?<![\w$])([a-z]\w*)(?![\w])", re.sub(r"\{[^}]*\}|\[[^\]]*\]|\([a-z, ]+\)|\d+e\d+", " ", bare))
    )
    assert words - set(asked) - _WORDS - {"up", "and", "or"} == set()
    for function, name in re.findall(r"(\w+)\((medusa_\w+)(?:\{[^}]*\})?\[", bare):
        assert function in {"rate", "increase"}
        assert known[name][0] == "counter", f"{name} has no rate"
    for name in asked:
        if known[name][0] == "counter":
            assert re.search(rf"(rate|increase)\({name}(\{{[^}}]*\}})?\[", bare), f"{name} only grows"


def test_what_is_queried_of_values_are_values() -> None:
    """Labels that are asked for have the values that Medusa's own code gives them."""
    values = {"state": "queued|running|waiting|paused", "outcome": "done|failed|cancelled"}
    values |= {"level": "debug|info|warning|error|critical", "job": "medusa"}
    for expr in [*dashboard_queries(), *(rule["expr"] for rule in rules())]:
        for label, value in re.findall(r'(\w+)=~?"([^"]*)"', expr):
            assert set(value.split("|")) <= set(values[label].split("|")), expr


def test_the_alerts_say_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) >= 10
    for rule in rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}
    docs = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in docs] == []
    promtool = shutil.which("promtool")
    if promtool:
        subprocess.run(
            [promtool, "check", "rules", ROOT / "deploy/prometheus/alerts.yml"], check=True, capture_output=True
        )


def test_each_metric_stands_in_the_docs() -> None:
    docs = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    told = {f"{name}_total" if one.type == "counter" else name for name, one in families().items()}
    assert sorted(name for name in told if f"`{name}`" not in docs and f"`{name}_info`" not in docs) == []


def settings(section: str) -> Iterator[tuple[str, str]]:
    """The settings of a section of the unit in their order; one may be there several times."""
    at = ""
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            at = line.strip("[]")
        elif at == section and line[:1] not in ("", "#"):
            name, _, value = line.partition("=")
            yield name, value


def test_the_unit_is_hardened() -> None:
    values = dict(settings("Service"))
    assert (values["Type"], values["NotifyAccess"]) == ("notify", "main")
    assert int(values["WatchdogSec"]) >= 60
    assert (values["CapabilityBoundingSet"], values["AmbientCapabilities"]) == ("", "")
    assert values["ProtectSystem"] == "strict"
    assert set(values["ReadWritePaths"].split()) == {f"/opt/medusa/{name}" for name in ("sessions", "work", ".venv")}
    assert values["RestartPreventExitStatus"].split() == ["2", "3"]
    assert {"MemoryMax", "TasksMax", "NoNewPrivileges", "PrivateTmp", "UMask", "TimeoutStartSec"} <= set(values)
    # Else children would have no cage: a forbidden call looks to them like a kernel without it.
    allowed = " ".join(value for name, value in settings("Service") if name == "SystemCallFilter" and value[0] != "~")
    assert {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp"} <= set(allowed.split())
    assert "MemoryDenyWriteExecute" not in values  # JavaScript runtimes write the code that they run


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd here")
    unit = tmp_path / "medusa.service"
    unit.write_text(
        UNIT.read_text(encoding="utf-8").replace("/opt/medusa/run.py", str(ROOT / "run.py")), encoding="utf-8"
    )
    done = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    command = [analyze, "security", "--offline=true", "--threshold=20", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:]


def test_the_compose_file_is_sound() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    [service] = compose["services"].values()
    assert set(service["environment"]) <= {one.name for one in FIELDS}
    plain = {
        name: value for name, value in service["environment"].items() if "${" not in value and "/run/" not in value
    }
    assert load(plain, ROOT / "none").metrics
    defaults = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in service["environment"].items()}
    loaded = load({**defaults, "MEDUSA_PASSPHRASE_FILE": ""}, ROOT / "none")
    assert (loaded.log, str(loaded.metrics)) == ("INFO", "127.0.0.1:9877")
    [secret] = service["secrets"]
    assert service["environment"]["MEDUSA_PASSPHRASE_FILE"] == f"/run/secrets/{secret}"
    assert compose["secrets"][secret]["file"] == "./passphrase.txt"
    volumes = dict(volume.split(":") for volume in service["volumes"])
    assert set(volumes) == set(compose["volumes"])
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert set(volumes.values()) == set(json.loads(re.findall(r"(?m)^VOLUME (.*)$", image)[0]))
    assert service["healthcheck"]["test"][1:] == json.loads(re.findall(r"(?ms)^HEALTHCHECK.*?CMD (\[.*?\])", image)[0])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert {"mem_limit", "pids_limit", "logging", "stop_grace_period"} <= set(service)
