"""What is read from FHIR records, as the page that people read."""

from contacts.rules.reading.fhir.mapping import RESOURCES

HEAD = """# What is read from a FHIR export

FHIR R4: NDJSON files (“Bulk Data”), a Bundle in JSON, or a ZIP archive of such files. This page is
made from the code that reads them: `python -m contacts.rules.reading.fhir.documentation`.

Everything that is not in these tables is left out while the file is read and never stored. Types of
records that are not here are counted and skipped. Records labelled as specially protected (42 CFR
Part 2, psychotherapy) or as test data, records entered in error, and records with a modifier
extension are left out and counted too. A record belongs to the patient that it names; one about a
patient who is not in the export becomes a rejected row.

Codes are kept as `system|code|name`, one for each concept.
"""


def markdown() -> str:
    """The page, in Markdown."""
    return HEAD + "".join(
        f"\n## {resource.type}\n\nKept: {resource.kept}.\n\n"
        "| field | from | rule |\n| --- | --- | --- |\n"
        + "".join(
            f"| `{column.key}` | {_cell(column.path)} | {_cell(column.rule)} |\n"
            for column in resource.columns
        )
        for resource in RESOURCES
    )


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201
