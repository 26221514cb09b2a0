"""Secrets never reach the log."""

import logging

import pytest
import structlog

from medusa import observe
from medusa.observe import Redactor, set_up

SECRET = "s3cret-value-of-mine"


def test_secrets_are_blotted_out_wherever_they_stand(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe, "_known", Redactor())
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        set_up("DEBUG", [SECRET])
        structlog.get_logger("medusa.x").info(f"event {SECRET}", field=SECRET)
        try:
            raise ValueError(SECRET)
        except ValueError:
            structlog.get_logger("medusa.x").exception("failed")
        logging.getLogger("telethon").warning("foreign %s", SECRET)
        observe.hide(["learnt-meanwhile"])
        logging.getLogger("telethon").warning("foreign %s", "learnt-meanwhile")
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()
    said = capsys.readouterr().err
    assert SECRET not in said
    assert "learnt" not in said
    assert said.count("[secret]") >= 5


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
