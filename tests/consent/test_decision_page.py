"""The documentation says what decides."""

from pathlib import Path

from consent.rules.documentation import markdown

PAGE = Path(__file__).parents[2] / "docs" / "decision-table.md"


def test_the_page_is_what_the_code_makes() -> None:
    assert PAGE.read_text() == markdown(), (
        "run: python -m consent.rules.documentation > docs/decision-table.md"
    )
