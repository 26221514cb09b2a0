"""Secrets never reach the log."""

import logging

import pytest
import structlog

from medusa.observe import Redactor, set_up

SECRET = "s3cret-value-of-mine"


def test_secrets_are_blotted_out_wherever_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
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
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()
    said = capsys.readouterr().err
    assert SECRET not in said
    assert said.count("[secret]") >= 4


def test_short_strings_are_not_taken_for_secrets() -> None:
    assert Redactor(["1"]).clean("101") == "101"
