"""The whole tree keeps the house's rules: format, lint, types, floors and sizes."""

import ast
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
CODE = sorted([ROOT / "run.py", *(ROOT / "medusa").rglob("*.py")])


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "command",
    [
        pytest.param([SCRIPTS / "ruff", "format", "--check", "."], id="format"),
        pytest.param([SCRIPTS / "ruff", "check", "."], id="lint"),
        pytest.param([sys.executable, "-m", "mypy"], id="types"),
        pytest.param([SCRIPTS / "lint-imports"], id="floors"),
    ],
)
def test_check_is_clean(command: list[str | Path]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in CODE}
    assert len(lengths) > 10
    assert {path: length for path, length in lengths.items() if length > 500} == {}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_function_is_too_long_to_be_seen_at_once() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{one.lineno} {one.name}": (one.end_lineno or one.lineno) - one.lineno + 1
        for path in CODE
        for one in functions(path)
    }
    assert len(lengths) > 50
    assert {name: length for name, length in lengths.items() if length > 60} == {}


def test_each_module_states_its_duty() -> None:
    silent = [path for path in CODE if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert [str(path.relative_to(ROOT)) for path in silent if path.stat().st_size] == []
