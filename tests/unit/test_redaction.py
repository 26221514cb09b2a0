"""Secrets never reach the log, which is bounded wherever it is kept."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from medusa import observe
from medusa.observe import Redactor, logs
from medusa.observe.lines import LONGEST_LINE, MOST_LINES, lines
from medusa.observe.logs import Format, kept, set_up

SECRET = "s3cret-value-of-mine"
QUOTED = "q-u-o-t-e-d'\"\\ of\nmine ü"


@pytest.fixture
def _own_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leaves the log of the tests as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.getLogger("medusa").level
    lines.clear()
    yield
    root.handlers[:], root.level = before[:2]
    logging.getLogger("medusa").setLevel(before[2])
    structlog.reset_defaults()


@pytest.mark.usefixtures("_own_log")
@pytest.mark.parametrize("style", ["console", "json"])
def test_secrets_are_blotted_out_wherever_they_stand(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, style: Format
) -> None:
    set_up("DEBUG", [SECRET, QUOTED], style)
    with kept(tmp_path / "log", style):
        structlog.get_logger("medusa.x").info(f"event {SECRET}", field=SECRET, other=f"a {QUOTED} b")
        try:
            raise ValueError(SECRET, QUOTED)
        except ValueError:
            structlog.get_logger("medusa.x").exception("failed")
        logging.getLogger("telethon").warning("foreign %s", SECRET)
        observe.hide(["learnt-meanwhile"])
        logging.getLogger("telethon").warning("foreign %s", "learnt-meanwhile")
    on_screen = capsys.readouterr().err
    written = (tmp_path / "log" / "medusa.log").read_text(encoding="utf-8")
    for said in (on_screen, written, "\n".join(line.text for line in lines.find(limit=99))):
        assert not [secret for secret in (SECRET, "q-u-o-t-e-d", "learnt") if secret in said]
        assert said.count("[secret]") >= 6
        assert "Traceback" in said
    assert (tmp_path / "log" / "medusa.log").stat().st_mode & 0o777 == 0o600
    assert style == "console" or all(json.loads(line)["level"] for line in written.splitlines())


@pytest.mark.usefixtures("_own_log")
def test_the_files_of_the_log_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 1000)
    set_up("INFO")
    with kept(tmp_path, "console"):
        for number in range(200):
            structlog.get_logger("medusa.x").info("a line", number=number)
    kept_files = logs.files(tmp_path)
    assert len(kept_files) == 1 + logs.OLDER_FILES
    assert all(file.stat().st_size <= 1000 and file.stat().st_mode & 0o077 == 0 for file in kept_files)
    assert "number=199" in kept_files[-1].read_text(encoding="utf-8")


@pytest.mark.usefixtures("_own_log")
def test_lines_are_found_by_job_level_and_text() -> None:
    set_up("INFO")
    log = structlog.get_logger("medusa.x")
    with structlog.contextvars.bound_contextvars(message="7:8"):
        log.info("job.queued", job=3)
        log.warning("job.failed", job=4)
    logging.getLogger("telethon").error("Foreign %s", "words")
    assert [line.job for line in lines.find(limit=9)] == [3, 4, None]
    assert [line.text.split()[2:] for line in lines.find(limit=9, job=4)] == [
        ["[warning", "]", "job.failed", "[medusa.x]", "job=4", "message=7:8"]
    ]
    assert [line.level for line in lines.find(limit=9, level=logging.WARNING)] == [logging.WARNING, logging.ERROR]
    assert len(lines.find(limit=9, text="fOREIGN")) == 1
    log.info("one more " + "x" * 5000)
    [new] = lines.find(limit=1)
    assert len(new.text) == LONGEST_LINE
    for _ in range(MOST_LINES + 5):
        log.info("many")
    assert len(lines.find(limit=10**6)) == MOST_LINES


def test_short_strings_are_not_taken_for_secrets() -> None:
    assert Redactor(["1", "", "short"]).clean("101 short") == "101 short"


def test_the_longest_of_secrets_that_begin_alike_goes() -> None:
    redactor = Redactor(["secret-one", "secret-one-and-more", "secret-two"])
    assert redactor.clean("secret-one-and-more secret-one secret-two secret-") == "[secret] [secret] [secret] [secret]"
    assert redactor.clean("secret-three") == "secret-three"


@pytest.mark.parametrize("behind", ["", "…", ".mp4", ".part.mp4"])
def test_the_beginning_of_a_secret_goes_where_a_text_was_cut(behind: str) -> None:
    assert Redactor([SECRET]).clean(f"a title {SECRET[:11]}{behind}") == f"a title [secret]{behind}"
    assert Redactor([SECRET]).clean(f"a title {SECRET[:4]}{behind}") == f"a title {SECRET[:4]}{behind}"


def test_many_secrets_that_begin_alike_are_told_apart() -> None:
    redactor = Redactor(f"GA1.2.{number}.{number % 7}" for number in range(20_000))
    assert redactor.clean("GA1.2.77.0 GA1.2.77.1 GA1.2.") == "[secret] GA1.2.77.1 [secret]"
    # A hostile text that begins as all of them do, all the time, costs no more than its length.
    assert redactor.clean("GA1.2. " * 20_000).count("GA1.2. ") == 20_000
