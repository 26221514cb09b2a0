"""Templates of captions."""

import pytest

from medusa.captions import FIELDS, Facts, checked, filled
from medusa.errors import UserError
from medusa.model import Media, Order

ORDER = Order(
    "https://www.example.com/watch?v=1",
    quality="720",
    name="Lesson",
    index=7,
    total=120,
    batch="Course",
    section="Week 1",
)
FACTS = Facts("Title <b>", "lesson.mp4", 12_300_000, Media("mov", 200.0, 1920, 1080), 86400 * 365.0)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{index}/{total} {title}", "007/120 Lesson"),
        ("{index:5}", "00007"),
        ("{index:²}", "007"),
        ("{batch} · {section}", "Course · Week 1"),
        ("{size} {duration} {quality}", "12.3 MB 3 min 20 s 1080p"),
        ("{source} {url}", "www.example.com https://www.example.com/watch?v=1"),
        ("{name} {date}", "lesson.mp4 1971-01-01"),
        ("{{title}} { Title }", "{title} Lesson"),
        ("plain", "plain"),
        ("{", "{"),
        ("{}", "{}"),
    ],
)
def test_a_template_is_filled(template: str, text: str) -> None:
    assert filled(checked(template), ORDER, FACTS) == text


def test_without_a_batch_a_title_is_its_own() -> None:
    assert filled("{index}{title}", Order("https://a.b", name="n"), FACTS) == "Title <b>"


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_can_be_unknown(field: str) -> None:
    assert "{" not in filled(f"{{{field}}}", Order("https://a.b"), Facts(""))


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(UserError, match=r"\{tittle\}.*title"):
        checked("{index} {tittle}")
