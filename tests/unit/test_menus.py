"""Menus as they read, and the numbers that people reply."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from medusa.commands import Choice, Menu
from medusa.commands.menus import OPEN_FOR, chosen, is_choice, offer, shown
from medusa.errors import UserError
from medusa.model import Job, JobState, Order, Stage
from medusa.storage.menus import Offer
from medusa.words import choice_line, clock, moment

AT = 1_780_000_000.0
JOBS = Offer("move {} top", ("12", "15", "16", "20", "31"), many=True, at=AT)
QUALITY = Offer("dl https://a.b/{c} -q {}", ("720", "480"), many=False, at=AT)
MENU = Menu("Which <one>?", (Choice("a & b", "1"), Choice(Markup("<b>c</b>"), "7")), "job {}", note="… and 3 more.")


def test_a_menu_is_a_question_with_numbered_lines() -> None:
    assert shown(MENU) == "Which &lt;one&gt;?\n1. a &amp; b\n2. <b>c</b>\n… and 3 more."
    assert shown(Menu("Which?", (), "job {}")) == "Which?"
    assert offer(MENU, AT) == Offer("job {}", ("1", "7"), many=True, at=AT)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("2", "move 15 top"),
        ("1,3-5", "move 12 16 20 31 top"),
        ("3–5 1", "move 16 20 31 12 top"),
        ("2 2", "move 15 top"),
        ("1,\n2", "move 12 15 top"),
        ("٢", "move 15 top"),
    ],
)
def test_numbers_stand_for_a_command(text: str, command: str) -> None:
    assert is_choice(text)
    assert chosen(JOBS, text, AT + OPEN_FOR, "/") == command


@pytest.mark.parametrize("text", ["0", "6", "4-6", "5-3", "1-", "1 - 3", "12", "1-1000000", "9" * 4000, "-1"])
def test_what_was_not_offered_is_refused_in_one_line(text: str) -> None:
    assert is_choice(text)
    with pytest.raises(UserError, match="is not offered here; choose from 1 to 5") as refused:
        chosen(JOBS, text, AT, "/")
    assert "\n" not in refused.value.user_text


@pytest.mark.parametrize("text", ["", "-", ",", "#2", "2.", "two", "2 or 3", "/2", "²", "1;2", "2 😀"])
def test_anything_else_is_a_note(text: str) -> None:
    assert not is_choice(text)


def test_where_one_is_asked_for_several_are_refused() -> None:
    with pytest.raises(UserError, match="Only one can be chosen here, from 1 to 2"):
        chosen(QUALITY, "1,2", AT, "/")


def test_an_old_menu_says_how_to_get_a_new_one() -> None:
    with pytest.raises(UserError) as expired:
        chosen(JOBS, "1", AT + OPEN_FOR + 1, ".")
    assert expired.value.user_text == f"This menu is from {clock(AT, AT)} and has expired; write .move again."
    with pytest.raises(UserError, match=f"from {moment(AT)} and"):
        chosen(JOBS, "99", AT + 2 * 86400, "/")


@given(st.text(alphabet="0123456789,- \n–٣", min_size=1))
def test_no_reply_breaks_the_menu(text: str) -> None:
    try:
        words = chosen(JOBS, text, AT, "/").split()[1:-1]
    except UserError as error:
        assert error.user_text
    else:
        assert set(words) <= set(JOBS.words)


@pytest.mark.parametrize(
    ("state", "line"), [(JobState.RUNNING, "fetching"), (JobState.FAILED, "failed"), (JobState.WAITING, "waiting")]
)
def test_a_job_as_a_choice(state: JobState, line: str) -> None:
    job = Job(7, state, Order("https://a.b/c"), 1, 2, AT, stage=Stage.FETCH, title="A\n<b>")
    assert choice_line(job) == f"<b>#7</b> A &lt;b&gt; · {line}"
