"""The documentation says what the code reads."""

from pathlib import Path

from contacts.rules.reading.fhir.documentation import markdown

PAGE = Path(__file__).parents[3] / "docs" / "fhir.md"


def test_the_page_is_what_the_code_makes() -> None:
    assert PAGE.read_text() == markdown(), (
        "run: python -m contacts.rules.reading.fhir.documentation > docs/fhir.md"
    )
