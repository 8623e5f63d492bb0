"""The fields that a clinic needs on its first day."""

from contacts.rules.fields import Choice, Field, FieldClass, FieldGroup, FieldType, Relationship

RECORD_NUMBER = "record_number"
FIRST_NAME = "first_name"
LAST_NAME = "last_name"
EMAIL = "email"
BIRTH_DATE = "birth_date"
LANGUAGE = "language"
RELATIONSHIP = "relationship"
DECEASED = "deceased"
POSTAL_CODE = "postal_code"
STATE = "state"

FIXED = frozenset(
    {
        RECORD_NUMBER,
        FIRST_NAME,
        LAST_NAME,
        EMAIL,
        BIRTH_DATE,
        LANGUAGE,
        POSTAL_CODE,
        RELATIONSHIP,
        DECEASED,
    }
)
"""Fields that rules speak of: they keep their type and cannot be removed."""


def starter_fields() -> dict[str, Field]:
    """Fields by key, in the order that people see them."""
    return {field.key: field for field in (*_demographic(), *_clinical(), *_journey())}


def _demographic() -> tuple[Field, ...]:
    group, text, one_of = FieldGroup.DEMOGRAPHIC, FieldType.TEXT, FieldType.CHOICE
    identifier, phi = FieldClass.IDENTIFIER, FieldClass.PHI
    return (
        Field(RECORD_NUMBER, "Medical record number", text, group, identifier),
        Field(FIRST_NAME, "First name", text, group, identifier, searchable=False),
        Field(LAST_NAME, "Last name", text, group, identifier),
        Field(EMAIL, "Email", text, group, identifier),
        Field("phone", "Phone", text, group, identifier, searchable=False),
        Field(BIRTH_DATE, "Birth date", FieldType.DATE, group),
        Field("sex", "Sex", one_of, group, choices=_SEXES),
        Field(LANGUAGE, "Language", one_of, group, choices=_LANGUAGES),
        Field(POSTAL_CODE, "ZIP code", text, group),
        Field(STATE, "State", text, group),
        Field(RELATIONSHIP, "Relationship", one_of, group, phi, choices=_RELATIONSHIPS),
        Field(DECEASED, "Deceased", FieldType.BOOLEAN, group),
    )


def _clinical() -> tuple[Field, ...]:
    group = FieldGroup.CLINICAL
    return (
        Field("conditions", "Conditions", FieldType.CHOICES, group, choices=_CONDITIONS),
        Field("wellness_interest", "Wellness interests", FieldType.CHOICES, group),
        Field("condition_codes", "Condition codes", FieldType.CODES, group),
        Field("medication_codes", "Medications", FieldType.CODES, group),
        Field("allergy_codes", "Allergies", FieldType.CODES, group),
        Field("procedure_codes", "Procedures", FieldType.CODES, group),
        Field("immunization_codes", "Immunizations", FieldType.CODES, group),
        Field("last_flu_shot", "Last flu shot", FieldType.DATE, group),
        Field("hba1c", "HbA1c (%)", FieldType.NUMBER, group),
    )


def _journey() -> tuple[Field, ...]:
    group = FieldGroup.JOURNEY
    return (
        Field("last_visit", "Last visit", FieldType.DATE, group),
        Field("next_appointment", "Next appointment", FieldType.DATE, group),
        Field("department", "Department", FieldType.TEXT, group),
        Field("primary_provider", "Primary provider", FieldType.TEXT, group),
        Field("insurance", "Insurance", FieldType.TEXT, FieldGroup.FINANCIAL),
    )


_SEXES = (
    Choice("female", "Female", ("F", "woman")),
    Choice("male", "Male", ("M", "man")),
    Choice("other", "Other", ("O", "X", "nonbinary", "non-binary")),
    Choice("unknown", "Unknown", ("U", "not stated")),
)

# ISO 639-1, with the names that record systems export.
_LANGUAGES = (
    Choice("en", "English", ("eng",)),
    Choice("es", "Spanish", ("spa", "español")),
    Choice("vi", "Vietnamese", ("vie", "tiếng việt")),
    Choice("zh", "Chinese", ("zho", "chi", "mandarin", "cantonese")),
    Choice("tl", "Tagalog", ("tgl", "filipino")),
    Choice("ko", "Korean", ("kor",)),
    Choice("ar", "Arabic", ("ara",)),
    Choice("ru", "Russian", ("rus",)),
    Choice("fr", "French", ("fra", "fre")),
    Choice("ht", "Haitian Creole", ("hat", "creole")),
    Choice("pt", "Portuguese", ("por",)),
    Choice("hi", "Hindi", ("hin",)),
    Choice("so", "Somali", ("som",)),
    Choice("other", "Other", ("unknown",)),
)

_RELATIONSHIPS = tuple(Choice(value.value, value.value.capitalize()) for value in Relationship)

_CONDITIONS = (
    Choice("asthma", "Asthma"),
    Choice("arthritis", "Arthritis", ("osteoarthritis",)),
    Choice("cancer", "Cancer"),
    Choice("copd", "COPD", ("chronic obstructive pulmonary disease",)),
    Choice("depression", "Depression"),
    Choice("diabetes", "Diabetes", ("diabetes mellitus", "type 2 diabetes", "t2dm")),
    Choice("heart_disease", "Heart disease", ("coronary artery disease", "cad")),
    Choice("high_cholesterol", "High cholesterol", ("hyperlipidemia",)),
    Choice("hypertension", "Hypertension", ("high blood pressure", "htn")),
    Choice("kidney_disease", "Kidney disease", ("chronic kidney disease", "ckd")),
    Choice("migraine", "Migraine"),
    Choice("obesity", "Obesity"),
    Choice("osteoporosis", "Osteoporosis"),
    Choice("pregnancy", "Pregnancy"),
    Choice("thyroid_disease", "Thyroid disease", ("hypothyroidism",)),
)
