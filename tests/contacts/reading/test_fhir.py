"""What is read from FHIR records, what is left out, and how a patient's records come together."""

import io
import re
from contextlib import suppress
from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.rules.reading import Export, FileProblem, Fragment, Row, combine
from contacts.rules.reading.fhir import export as exports
from contacts.rules.reading.fhir.mapping import HEADERS, RESOURCES
from tests.contacts.reading.files import TODAY, archive, bundle, export, ndjson

Record = dict[str, Any]

MR = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
ANA: Record = {
    "resourceType": "Patient",
    "id": "ana",
    "identifier": [{"type": MR, "system": "http://a.example", "value": "M-1"}],
    "name": [{"use": "official", "family": "Ruiz", "given": ["Ana", "Maria"]}],
    "birthDate": "1980-02-28",
}
OF_ANA = {"reference": "Patient/ana"}
SNOMED, RXNORM = "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm"


def concept(system: str, code: str, display: str = "") -> Record:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def fragments(data: bytes, **wanted: Any) -> list[Fragment | Row]:
    return list(export(data).fragments(TODAY, **wanted))


def people(data: bytes) -> list[Row]:
    """One row for each patient and each line that cannot be read, in the order of the file."""
    together: dict[str, list[Fragment]] = {}
    found: list[Row] = []
    for one in fragments(data):
        if isinstance(one, Row):
            found.append(one)
        else:
            together.setdefault(one.patient, []).append(one)
    found += [combine(parts) for parts in together.values()]
    return sorted(found, key=lambda row: row.number)


def values(*records: Record) -> dict[str, str]:
    """What is known of the one patient in these records, without what is empty."""
    (row,) = people(ndjson(*records))
    assert not row.problem
    return {key: cell for key, cell in zip(HEADERS, row.cells, strict=True) if cell}


def ana(**more: Any) -> dict[str, str]:
    return values({**ANA, **more})


def about_ana(kind: str, **more: Any) -> dict[str, str]:
    return values(ANA, {"resourceType": kind, "subject": OF_ANA, "patient": OF_ANA, **more})


def test_a_patient() -> None:
    assert ana() == {
        "record_number": "M-1",
        "record_system": "http://a.example",
        "fhir_id": "ana",
        "first_name": "Ana",
        "last_name": "Ruiz",
        "birth_date": "1980-02-28",
    }


@pytest.mark.parametrize(
    ("identifiers", "number"),
    [
        ([{"value": "S", "system": "http://hl7.org/fhir/sid/us-ssn"}], None),
        ([{"value": "D", "type": {"coding": [{"code": "DL"}]}}, {"value": "7"}], "7"),
        ([{"value": "1"}, {"value": "2"}], None),
        ([{"value": "1"}, {"value": "2", "use": "usual"}], "2"),
        ([{"value": "1", "type": MR, "use": "old"}, {"value": "2", "type": MR}], "2"),
        ([{"value": "1", "type": MR, "period": {"end": "2020-01-01"}}], None),
        ([{"value": "1", "type": MR}, {"value": "2", "type": MR, "use": "usual"}], "2"),
        ([{"value": 5, "type": MR}, "x", None], None),
        ({"value": "1", "type": MR}, "1"),
    ],
)
def test_the_record_number(identifiers: object, number: str | None) -> None:
    assert ana(identifier=identifiers).get("record_number") == number


@pytest.mark.parametrize(
    ("names", "first", "last"),
    [
        (
            [
                {"use": "official", "family": "Ruiz", "given": ["Anastasia"]},
                {"use": "usual", "family": "R", "given": ["Ana"]},
                {"use": "nickname", "given": ["Annie"]},
                {"use": "maiden", "family": "Lopez"},
            ],
            "Ana",
            "Ruiz",
        ),
        ([{"use": "old", "family": "Lopez", "given": ["X"]}], None, None),
        ([{"use": "maiden", "family": "Lopez", "given": ["X"]}], None, None),
        ([{"family": "Ruiz", "period": {"end": "2020"}}], None, "Ruiz"),
        ([{"family": "Ruiz", "period": {"end": "2020-01-31"}}], None, None),
        ([{"family": "Ruiz", "period": {"start": "2030-01-31"}}], None, None),
        ([{"text": "Ana Ruiz"}], None, None),
        ([{"given": ["", None, " Ana "], "family": ["Ruiz"]}], "Ana", None),
    ],
)
def test_the_name(names: object, first: str | None, last: str | None) -> None:
    found = ana(name=names)
    assert (found.get("first_name"), found.get("last_name")) == (first, last)


@pytest.mark.parametrize(
    ("points", "email"),
    [
        ([{"use": "work", "value": "w@x.example"}, {"use": "home", "value": "h@x.example"}], "h"),
        ([{"use": "home", "value": "h@x.example"}, {"rank": 1, "value": "r@x.example"}], "r"),
        ([{"use": "old", "value": "o@x.example"}, {"use": "work", "value": "w@x.example"}], "w"),
        ([{"value": "e@x.example", "period": {"end": "2020-01-01"}}], None),
        ([{"value": "mailto:h@x.example"}], "h"),
        ([{"system": "phone", "value": "h@x.example"}], None),
    ],
)
def test_the_email(points: list[Record], email: str | None) -> None:
    found = ana(telecom=[{"system": "email", **point} for point in points]).get("email")
    assert found == (f"{email}@x.example" if email else None)


def test_phone_address_language_provider() -> None:
    found = ana(
        telecom=[
            {"system": "phone", "use": "home", "value": "555-1"},
            {"system": "phone", "use": "mobile", "value": "tel:555-2"},
            {"system": "fax", "value": "555-3"},
        ],
        address=[
            {"use": "work", "postalCode": "1", "state": "NY"},
            {"use": "old", "postalCode": "2", "state": "NY"},
            {"use": "home", "postalCode": "02134", "state": "MA"},
        ],
        communication=[
            {"language": {"coding": [{"code": "en-US"}]}},
            {"language": {"coding": [{"code": "spa"}]}, "preferred": True},
        ],
        generalPractitioner=[{"display": "Dr. Lee"}],
        gender="female",
    )
    assert found["phone"] == "555-2"
    assert (found["postal_code"], found["state"]) == ("02134", "MA")
    assert found["language"] == "es"
    assert found["primary_provider"] == "Dr. Lee"
    assert found["sex"] == "female"


@pytest.mark.parametrize(
    ("more", "deceased"),
    [
        ({"deceasedBoolean": True}, "yes"),
        ({"deceasedBoolean": False}, "no"),
        ({"deceasedDateTime": "2020"}, "yes"),
        ({}, None),
    ],
)
def test_the_deceased(more: Record, deceased: str | None) -> None:
    assert ana(**more).get("deceased") == deceased


@pytest.mark.parametrize(
    ("written", "born"),
    [
        ("1980", None),
        ("1980-05", None),
        ("1980-05-31", "1980-05-31"),
        ("05/31/1980", "05/31/1980"),
        ("1980-02-31", "1980-02-31"),
    ],
)
def test_the_birth_date(written: str, born: str | None) -> None:
    found = export(ndjson({**ANA, "birthDate": written}))
    (one,) = found.fragments(TODAY)
    assert isinstance(one, Fragment)
    assert one.values.get("birth_date") == born
    assert bool(found.notes.remarks) is (born is None)


ASTHMA = concept(SNOMED, "195967001", "Asthma")


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ({}, True),
        ({"clinicalStatus": {"coding": [{"code": "active"}]}}, True),
        ({"clinicalStatus": {"coding": [{"code": "relapse"}]}}, True),
        ({"clinicalStatus": {"coding": [{"code": "resolved"}]}}, False),
        ({"verificationStatus": {"coding": [{"code": "confirmed"}]}}, True),
        ({"verificationStatus": {"coding": [{"code": "refuted"}]}}, False),
        ({"verificationStatus": {"coding": [{"code": "entered-in-error"}]}}, False),
        ({"verificationStatus": {"coding": [{"code": "differential"}]}}, False),
        ({"abatementDateTime": "2020-01-01"}, False),
        ({"status": "entered-in-error"}, False),
        ({"modifierExtension": [{"url": "http://x.example/not"}]}, False),
        ({"meta": {"security": [{"code": "42CFRPart2"}]}}, False),
        ({"meta": {"tag": [{"code": "HTEST"}]}}, False),
        ({"meta": {"tag": [{"code": "anything"}]}}, True),
    ],
)
def test_which_conditions_count(more: Record, kept: bool) -> None:
    codes = about_ana("Condition", code=ASTHMA, **more).get("condition_codes")
    assert codes == ("snomed|195967001|Asthma" if kept else None)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            {"coding": [{"system": "http://x.example", "code": "1"}, *ASTHMA["coding"]]},
            "snomed|195967001|Asthma",
        ),
        (
            concept("http://hl7.org/fhir/sid/icd-10-cm", "J45;9|", "Asthma; mild | other"),
            "icd10|J45,9/|Asthma, mild / other",
        ),
        (concept("http://x.example/own", "7"), "http://x.example/own|7|7"),
        ({"coding": [{"code": "7"}], "text": "Seven"}, "|7|Seven"),
        ({"text": "Asthma  (mild)"}, "text|asthma (mild)|Asthma (mild)"),
        ({"coding": "nonsense"}, None),
        (None, None),
    ],
)
def test_one_coding_of_a_concept_is_kept(code: object, text: str | None) -> None:
    assert about_ana("Condition", code=code).get("condition_codes") == text


def test_codes_are_joined_once_each() -> None:
    one = {"resourceType": "Condition", "subject": OF_ANA, "code": ASTHMA}
    other = {**one, "code": concept(SNOMED, "13645005", "COPD")}
    found = values(ANA, one, other, one)["condition_codes"]
    assert found == "snomed|13645005|COPD;snomed|195967001|Asthma"


def test_medications() -> None:
    aspirin = concept(RXNORM, "1191", "Aspirin")
    ordered = {"status": "active", "intent": "order"}
    request = "MedicationRequest"
    assert about_ana(request, medicationCodeableConcept=aspirin, **ordered) == {
        **ana(),
        "medication_codes": "rxnorm|1191|Aspirin",
    }
    contained = about_ana(
        request,
        medicationReference={"reference": "#m"},
        contained=[{"resourceType": "Medication", "id": "m", "code": aspirin}],
        **ordered,
    )
    assert contained["medication_codes"] == "rxnorm|1191|Aspirin"
    named = about_ana(
        request, medicationReference={"reference": "Medication/9", "display": "Aspirin"}, **ordered
    )
    assert named["medication_codes"] == "text|aspirin|Aspirin"
    for wrong in ({"status": "stopped"}, {"intent": "plan"}, {"doNotPerform": True}):
        left = about_ana(request, medicationCodeableConcept=aspirin, **{**ordered, **wrong})
        assert "medication_codes" not in left


def test_immunizations_and_the_last_flu_shot() -> None:
    def shot(code: str, day: str, status: str = "completed") -> Record:
        return {
            "resourceType": "Immunization",
            "patient": OF_ANA,
            "status": status,
            "vaccineCode": concept("http://hl7.org/fhir/sid/cvx", code, f"V{code}"),
            "occurrenceDateTime": day,
        }

    found = values(
        ANA,
        shot("140", "2024-10-01T08:00:00-05:00"),
        shot("158", "2023-10-01"),
        shot("62", "2025-01-01"),
        shot("140", "2025-10-01", "not-done"),
        shot("140", "2099-10-01"),
    )
    assert found["last_flu_shot"] == "2024-10-01"
    assert found["immunization_codes"] == "cvx|140|V140;cvx|158|V158;cvx|62|V62"


def test_visits_and_appointments() -> None:
    def visit(status: str, start: str, end: str | None = None) -> Record:
        period = {"start": start, "end": end}
        return {
            "resourceType": "Encounter", "status": status, "subject": OF_ANA, "period": period,
        }  # fmt: skip

    booked = {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2026-07-02T09:00:00Z",
        "participant": [{"actor": {"reference": "Practitioner/1"}}, {"actor": OF_ANA}],
    }
    found = values(
        ANA,
        visit("finished", "2026-01-03T23:30:00-08:00", "2026-01-04T00:30:00-08:00"),
        visit("in-progress", "2026-05-30", "2026-06-30"),
        visit("cancelled", "2026-05-31"),
        visit("planned", "2026-08-01"),
        visit("planned", "2026-05-01"),
        visit("finished", "2026"),
        booked,
    )
    assert found["last_visit"] == "2026-05-30"
    assert found["next_appointment"] == "2026-07-02"


def test_measurements() -> None:
    def measured(code: str, day: str, **more: Any) -> Record:
        return {
            "resourceType": "Observation",
            "status": "final",
            "subject": OF_ANA,
            "code": concept("http://loinc.org", code),
            "effectiveDateTime": day,
            **more,
        }

    def quantity(number: object, unit: str, **more: Any) -> Record:
        return {"valueQuantity": {"value": number, "unit": unit, **more}}

    pressure = {"code": concept("http://loinc.org", "8480-6"), **quantity(131, "mm[Hg]")}
    found = values(
        ANA,
        measured("4548-4", "2025-03-01", **quantity(8.1, "%")),
        measured("4548-4", "2026-03-01", **quantity(7.20, "%")),
        measured("4548-4", "2026-04-01", **quantity(7, "%", comparator="<")),
        measured("4548-4", "2026-04-02", **quantity(53, "mmol/mol")),
        measured("4548-4", "2026-04-03", status="preliminary", **quantity(9, "%")),
        measured("4548-4", "2030-04-03", **quantity(9, "%")),
        measured("4548-4", "2026-04-04", **quantity("9", "%")),
        measured("13457-7", "2026-01-05", **quantity(100, "mg/dL")),
        measured("85354-9", "2026-01-06", component=[pressure]),
        measured("1234-5", "2026-01-07", **quantity(1, "%")),
    )
    assert (found["hba1c"], found["hba1c_date"]) == ("7.2", "2026-03-01")
    assert found["ldl"] == "100"
    assert found["systolic_pressure"] == "131"
    assert "bmi" not in found


def test_other_resources() -> None:
    allergy = about_ana("AllergyIntolerance", code=concept(RXNORM, "1191", "Aspirin"))
    assert allergy["allergy_codes"] == "rxnorm|1191|Aspirin"
    done = about_ana("Procedure", status="completed", code=concept(SNOMED, "1", "Scan"))
    assert done["procedure_codes"] == "snomed|1|Scan"
    covered = values(
        ANA,
        {
            "resourceType": "Coverage",
            "status": "active",
            "beneficiary": OF_ANA,
            "payor": [{"display": "Acme"}],
        },
    )
    assert covered["insurance"] == "Acme"


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/ana",
        "https://fhir.example/r4/Patient/ana",
        "Patient/ana/_history/3",
        "urn:uuid:ana",
    ],
)
def test_references(reference: str) -> None:
    condition = {"resourceType": "Condition", "subject": {"reference": reference}, "code": ASTHMA}
    assert "condition_codes" in values(condition, ANA)


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "urn:uuid:0-0"},
        {"reference": "Patient?identifier=http://a.example|M-1"},
        {"identifier": {"system": "http://a.example", "value": "M-1"}},
        {"reference": "Patient/ana"},
    ],
)
@pytest.mark.parametrize("own", [ANA, {**ANA, "id": None}])
def test_references_inside_a_bundle(subject: Record, own: Record) -> None:
    if own["id"] is None and subject.get("reference") == "Patient/ana":
        return
    condition = {"resourceType": "Condition", "subject": subject, "code": ASTHMA}
    data = bundle({"resource": condition}, {"fullUrl": "urn:uuid:0-0", "resource": own})
    (row,) = people(data)
    assert "snomed|195967001|Asthma" in row.cells


@pytest.mark.parametrize(
    "subject",
    [
        None,
        "ana",
        {},
        {"reference": "Group/1"},
        {"reference": "#p"},
        {"identifier": {"value": "1"}},
    ],
)
def test_records_of_nobody_are_counted(subject: object) -> None:
    found = export(ndjson(ANA, {"resourceType": "Condition", "subject": subject, "code": ASTHMA}))
    (one,) = found.fragments(TODAY)
    assert isinstance(one, Fragment)
    assert "condition_codes" not in one.values
    assert list(found.notes.remarks.values()) == [1]


def test_patients_without_an_id_are_still_two() -> None:
    nameless = {**ANA, "id": None}
    first, second = people(ndjson(nameless, {**nameless, "birthDate": "1999-09-09"}))
    assert not first.problem + second.problem


def test_an_unknown_patient_is_a_problem() -> None:
    stray = {"resourceType": "Condition", "subject": {"reference": "Patient/bo"}, "code": ASTHMA}
    assert [row.problem for row in people(ndjson(stray, stray, ANA))] == [
        "2 records belong to a patient who is not in the file",
        "",
    ]


def test_two_people_with_one_id_are_a_problem() -> None:
    other = {**ANA, "birthDate": "1999-09-09"}
    (row,) = people(ndjson(ANA, other))
    assert "two different patients" in row.problem
    (row,) = people(ndjson(ANA, {**ANA, "gender": "female"}))
    assert not row.problem


def test_bad_lines_are_problems_with_their_place() -> None:
    good = ndjson(ANA)
    assert [row.problem for row in people(good + b"{broken\n\n" + good.replace(b"ana", b"bo"))] == [
        "",
        "line 2: this line is not a FHIR resource in JSON",
        "",
    ]
    first, second = people(b"{broken\n" + good)
    assert "line 1" in first.problem
    assert second.cells
    packed = archive({"Ana Ruiz.ndjson": good, "Bo Lee.ndjson": good + b"x\n", "read.me": b"x"})
    (problem,) = [row.problem for row in people(packed) if row.problem]
    assert problem.startswith("file 2 of the archive, line 2: ")


@pytest.mark.parametrize(
    "data",
    [
        ndjson(ANA),
        b"\xef\xbb\xbf" + ndjson(ANA),
        b"\r\n" + ndjson(ANA).replace(b"\n", b"\r\n"),
        orjson.dumps(ANA, option=orjson.OPT_INDENT_2),
        orjson.dumps([ANA]),
        bundle({"resource": ANA}, {"request": {"method": "DELETE"}}, {"response": {}}),
        ndjson(orjson.loads(bundle({"resource": ANA}))),
        archive({"a/Patient.NDJSON": ndjson(ANA), "__MACOSX/a/._Patient.ndjson": b"\0"}),
        archive({"a.json": bundle({"resource": ANA}), "b.ndjson": b"", "manifest.json": b"{}"}),
    ],
)
def test_forms_of_an_export(data: bytes) -> None:
    (row,) = people(data)
    assert row.cells[:1] == ("M-1",)


def test_notes() -> None:
    found = export(
        ndjson(
            {**ANA, "active": False, "link": [{"type": "replaced-by", "other": OF_ANA}]},
            {"resourceType": "Condition", "subject": OF_ANA, "status": "entered-in-error"},
            {"resourceType": "DocumentReference", "subject": OF_ANA},
            {"resourceType": "Ana Ruiz <b>"},
        )
    )
    list(found.fragments(TODAY))
    assert found.notes.as_json() == {
        "resources": {"Patient": 1},
        "left_out": {"Condition": 1},
        "unknown": {"DocumentReference": 1, "other": 1},
        "remarks": {"patients are marked as replaced by another record": 1},
    }


def test_only_wanted_columns_are_read() -> None:
    condition = {"resourceType": "Condition", "subject": OF_ANA, "code": ASTHMA}
    (one,) = fragments(ndjson(ANA, condition), wanted={"record_number"})
    assert isinstance(one, Fragment)
    assert one.values == {"record_number": "M-1"}
    assert "M-1" not in repr(one)


def test_a_stretch_is_put_together_before_it_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    condition = {"resourceType": "Condition", "subject": OF_ANA, "code": ASTHMA}
    data = ndjson(ANA, *[condition] * 9)
    (one,) = fragments(data)
    assert isinstance(one, Fragment)
    assert one.records == 10
    monkeypatch.setattr(exports, "STRETCH", 3)
    parts = [one for one in fragments(data) if isinstance(one, Fragment)]
    assert [part.records for part in parts] == [3, 3, 3, 1]
    assert combine(parts) == combine([one]) == combine(reversed(parts))


def test_too_many_codes_are_a_problem() -> None:
    def condition(number: int) -> Record:
        code = concept(SNOMED, str(number))
        return {"resourceType": "Condition", "subject": OF_ANA, "code": code}

    (row,) = people(ndjson(ANA, *map(condition, range(501))))
    assert "more than 500" in row.problem


def test_a_document_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MAX_DOCUMENT_OCTETS", 300)
    padded = {"resource": ANA}
    for data in (bundle(padded, padded), ndjson(orjson.loads(bundle(padded, padded)))):
        with pytest.raises(FileProblem, match="NDJSON"):
            people(data)
    assert people(ndjson(ANA))


def test_the_mapping_names_fields_once_and_says_why() -> None:
    keys = [column.key for resource in RESOURCES for column in resource.columns]
    assert list(dict.fromkeys(keys)) == list(HEADERS)
    assert set(HEADERS) >= {"record_number", "email", "birth_date", "deceased", "language"}
    for resource in RESOURCES:
        assert resource.kept
        for column in resource.columns:
            assert re.fullmatch(r"[a-z][a-z0-9_]*", column.key)
            assert column.path
            assert column.rule


anything: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, -5, 10**9, 1.5, 1e300, "", "x", "2020-01-01", "#x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)  # fmt: skip
ELEMENTS = (
    "id", "identifier", "name", "telecom", "address", "communication", "birthDate", "gender",
    "deceasedDateTime", "meta", "link", "subject", "patient", "participant", "code", "status",
    "clinicalStatus", "verificationStatus", "contained", "medicationReference", "vaccineCode",
    "occurrenceDateTime", "period", "start", "payor", "valueQuantity", "component", "entry",
    "effectiveDateTime", "value", "system", "use", "coding", "given", "reference",
)  # fmt: skip


TYPES = st.sampled_from([*(one.type for one in RESOURCES), "Bundle", "Other"])
elements = st.dictionaries(st.sampled_from(ELEMENTS), anything, max_size=4)


@given(st.lists(st.tuples(TYPES, elements, st.sampled_from(ELEMENTS), elements), max_size=4))
def test_any_records_are_read_or_refused(parts: list[tuple[str, Record, str, Record]]) -> None:
    records = [{**outer, name: inner, "resourceType": kind} for kind, outer, name, inner in parts]
    data = b"".join(orjson.dumps(record) + b"\n" for record in records)
    for found in (data, b"[" + data.strip().replace(b"\n", b",") + b"]"):
        with suppress(FileProblem):
            for row in people_of(Export(io.BytesIO(found))):
                assert row.problem or len(row.cells) == len(HEADERS)


@given(st.text(st.sampled_from('{}[]":,resourceType Patient1\n\\u'), max_size=50))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(FileProblem):
        people_of(Export(io.BytesIO(b'{"' + text.encode())))


def people_of(found: Export) -> list[Row]:
    return [
        one if isinstance(one, Row) else combine([one]) for one in found.fragments(date(2026, 6, 1))
    ]
