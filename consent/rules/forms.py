"""The text of an authorization form, and the checks it must pass before anybody signs it."""

import calendar
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Literal, TypeAlias

import orjson
from pydantic import Field as Setting
from pydantic import TypeAdapter

from consent.rules.findings import Finding, Kind
from consent.rules.part2 import Part2
from consent.rules.purposes import Information, Purpose
from consent.rules.reading import reading_grade

MAX_READING_GRADE = 8.0
MAX_MONTHS = 120


@dataclass(frozen=True, slots=True)
class ExpiresAfter:
    """Ends this long after the day of signing; at least one part must be above zero."""

    months: int = 0
    days: int = 0
    kind: Literal["after"] = "after"


@dataclass(frozen=True, slots=True)
class ExpiresAtEvent:
    """Ends with an event; on `review_on` at the latest, unless reviewed and signed again."""

    event: str
    review_on: date | None = None
    kind: Literal["event"] = "event"


Expiry: TypeAlias = ExpiresAfter | ExpiresAtEvent


@dataclass(frozen=True, slots=True)
class FormText:
    """One language of one form: each core element and statement of 45 CFR 164.508(c) by name.

    `information` describes in words what `categories` says to the machine, and `purpose_text` does
    so for `purposes`. `remuneration` is left blank when nobody pays. `combined_with` names other
    documents that share the page or the signature, and `required_to_proceed` says that a booking,
    registration or the like stops without a signature; neither is allowed. `sale` says that
    somebody else gets information for something of value. `part2` says to what the form consents
    under 42 CFR Part 2, `type_points` in which size of type it is set.
    """

    title: str
    language: str
    introduction: str
    information: str
    categories: frozenset[Information]
    discloser: str
    recipient: str
    purpose_text: str
    purposes: frozenset[Purpose]
    expiry: Annotated[Expiry, Setting(discriminator="kind")] | None
    revocation: str
    how_to_revoke: str
    no_conditioning: str
    redisclosure: str
    remuneration: str = ""
    sponsor: str = ""
    sale: str = ""
    part2: Part2 = Part2.NONE
    type_points: int = 12
    combined_with: tuple[str, ...] = ()
    required_to_proceed: bool = False

    @property
    def covers_remuneration(self) -> bool:
        """Whether the form says that the organization is paid (45 CFR 164.508(a)(3)(ii))."""
        return bool(self.remuneration.strip())

    @property
    def covers_sale(self) -> bool:
        """Whether the form says that information is sold (45 CFR 164.508(a)(4)(ii))."""
        return bool(self.sale.strip())

    @property
    def plain_text(self) -> str:
        """What the person reads before signing, one statement a paragraph."""
        return "\n\n".join(part for part in self._paragraphs() if part.strip())

    def _paragraphs(self) -> tuple[str, ...]:
        return (
            self.introduction,
            self.information,
            self.discloser,
            self.recipient,
            self.purpose_text,
            self.remuneration,
            self.sale,
            self.revocation,
            self.how_to_revoke,
            self.no_conditioning,
            self.redisclosure,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON that `from_json` reads back; the same form always gives the same."""
        dumped: dict[str, Any] = _FORM.dump_python(self, mode="json")
        return dumped | {key: sorted(dumped[key]) for key in ("categories", "purposes")}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "FormText":
        """Raises pydantic.ValidationError when the data has another shape."""
        return _FORM.validate_python(data)

    def digest(self) -> str:
        """SHA-256 over the whole form, to say later which version was signed."""
        return form_digest(self.to_json())


_FORM = TypeAdapter(FormText)


def form_digest(text: Mapping[str, Any], translations: Sequence[Mapping[str, Any]] = ()) -> str:
    """SHA-256 over a published form as it is stored, in all its languages.

    Over what is stored rather than what it means to this release: a form keeps its digest when
    later releases know more of forms.
    """
    whole = [text, *translations] if translations else text
    return hashlib.sha256(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)).hexdigest()


def last_day(expiry: Expiry, signed_on: date) -> date:
    """The last day on which an authorization signed on a day is valid.

    Raises ValueError for an expiry that `check_form` refuses.
    """
    if isinstance(expiry, ExpiresAtEvent):
        if expiry.review_on is None:
            raise ValueError("an event needs a review date")
        return expiry.review_on
    if expiry.months < 0 or expiry.days < 0 or not expiry.months + expiry.days:
        raise ValueError("a period must be longer than nothing")
    years, month = divmod(signed_on.month - 1 + expiry.months, 12)
    year = signed_on.year + years
    day = min(signed_on.day, calendar.monthrange(year, month + 1)[1])
    return date(year, month + 1, day) + timedelta(days=expiry.days)


def check_form(
    form: FormText, legal_name: str, max_grade: float = MAX_READING_GRADE
) -> list[Finding]:
    """The checks that the form itself must pass; empty means that it may be published.

    `legal_name` is the organization's. The remaining checks concern one signature.
    """
    findings = [finding for check in _CHECKS for finding in check(form)]
    findings.extend(_check_discloser(form, legal_name))
    findings.extend(_check_plain_language(form, max_grade))
    return sorted(findings, key=lambda finding: finding.number)


def check_translation(form: FormText, original: FormText) -> list[Finding]:
    """Whether a translation allows exactly what the original does: one document, one act."""
    for name, what in _SAME_IN_EVERY_LANGUAGE.items():
        if getattr(form, name) != getattr(original, name):
            message = f"{what} must be the same in every language."
            return [Finding(13, "translation_differs", "45 CFR 164.508(b)(3)", name, message)]
    return []


_SAME_IN_EVERY_LANGUAGE = {
    "categories": "The kinds of information",
    "purposes": "The purposes",
    "expiry": "The end",
    "sponsor": "Who pays",
    "covers_remuneration": "Whether payment is mentioned",
    "covers_sale": "Whether a sale is mentioned",
    "part2": "The kind of consent",
    "type_points": "The size of type",
}


_EVERYTHING = re.compile(
    r"\b(all|any|every|entire|complete|whole)\b(?:\s+\w+){0,4}?\s+"
    r"(records?|information|data|files?|charts?|history|historia\w*|datos|información)\b"
    r"|\b(tod[ao]s?|cualquier)\b(?:\s+\w+){0,4}?\s+(expedientes?|información|datos|historial\w*)\b",
    re.IGNORECASE,
)
_AT_REQUEST = re.compile(
    r"at (the|my|your) request|request of the individual|a (su|mi) (solicitud|petición)",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"^\W*(none|never|no (end|expir\w*)\b.*|not applicable|n/?a|indefinite\w*|forever"
    r"|perpetual\w*|until revoked|nunca|ningun[oa]?|indefinid\w*)\W*$",
    re.IGNORECASE,
)

# What a statement must mention to say what the paragraph asks for. In a language that is not
# listed only its presence is checked; approval by a reader of the language must do the rest.
_REVOCATION_WORDS = {
    "en": (r"revoke|withdraw|cancel|take back|change your mind", r"writ", r"already|before|relied"),
    "es": (r"revoc|retir|cancel|anul", r"escrit", r"\bya\b|antes"),
}
_CONDITION_WORDS = {
    "en": (r"treat|care", r"pay", r"enrol|sign up|join", r"eligib|qualif"),
    "es": (r"trat|atención", r"pag", r"inscri", r"elegib|derecho"),
}
_REDISCLOSURE_WORDS = {
    "en": (r"shar|disclos|pass", r"protect"),
    "es": (r"divulg|compart|revel", r"prote"),
}
_REMUNERATION_WORDS = {
    "en": (r"\bpa(id|y|ys|yment)\b|remunerat|compensat",),
    "es": (r"\bpag|remunera|compensa",),
}


def _lacks_words(text: str, language: str, words: Mapping[str, tuple[str, ...]]) -> bool:
    patterns = words.get(language.partition("-")[0].casefold(), ())
    return not text.strip() or not all(re.search(each, text, re.IGNORECASE) for each in patterns)


def _check_information(form: FormText) -> Iterator[Finding]:
    citation = "45 CFR 164.508(c)(1)(i)"
    code, field = "information_not_described", "information"
    if not form.information.strip() or not form.categories:
        message = "Describe the information to be used, and mark its kinds."
        yield Finding(1, code, citation, field, message)
    elif _EVERYTHING.search(form.information):
        message = "Name kinds of information; “all records” or “any information” is too wide."
        yield Finding(1, code, citation, field, message)
    if Information.PSYCHOTHERAPY_NOTES in form.categories:
        message = "Psychotherapy notes need a form of their own and are not used for mail."
        yield Finding(1, code, "45 CFR 164.508(b)(3)(ii)", "categories", message)


def _check_discloser(form: FormText, legal_name: str) -> Iterator[Finding]:
    def tidy(text: str) -> str:
        return " ".join(text.casefold().split())

    name = tidy(legal_name)
    if not name or name not in tidy(form.discloser):
        message = "Name your organization, by its legal name, as the one that uses the information."
        yield Finding(2, "discloser_not_named", "45 CFR 164.508(c)(1)(ii)", "discloser", message)


def _check_recipient(form: FormText) -> Iterator[Finding]:
    if not form.recipient.strip():
        message = "Say to whom the information goes, such as: to you, by email."
        yield Finding(3, "recipient_not_named", "45 CFR 164.508(c)(1)(iii)", "recipient", message)


def _check_purposes(form: FormText) -> Iterator[Finding]:
    citation, code = "45 CFR 164.508(c)(1)(iv)", "purpose_not_described"
    if not form.purposes:
        yield Finding(4, code, citation, "purposes", "Mark every purpose in the list of purposes.")
    if not form.purpose_text.strip():
        message = "Describe every purpose in words."
        yield Finding(4, code, citation, "purpose_text", message)
    elif _AT_REQUEST.search(form.purpose_text):
        message = "“At the request of the individual” is not allowed: you are the one who asks."
        yield Finding(4, code, citation, "purpose_text", message)


def _check_expiry(form: FormText) -> Iterator[Finding]:
    if message := _expiry_problem(form.expiry):
        yield Finding(5, "expiry_missing", "45 CFR 164.508(c)(1)(v)", "expiry", message)


def _expiry_problem(expiry: Expiry | None) -> str:
    match expiry:
        case None:
            return "Say when the authorization ends."
        case ExpiresAfter(months=months, days=days):
            if months < 0 or days < 0 or not months + days:
                return "The authorization must end a number of months or days after signing."
            if months > MAX_MONTHS or days > MAX_MONTHS * 31:
                return "Ten years after signing is the latest end."
        case ExpiresAtEvent(event=event, review_on=review_on):
            if not event.strip() or _NEVER.match(event.strip()):
                return "“None” or “never” is not an end. Give a period, or an event and its review."
            if review_on is None:
                return "Give a date by which somebody checks whether the event has happened."
    return ""


def _check_revocation(form: FormText) -> Iterator[Finding]:
    citation, code = "45 CFR 164.508(c)(2)(i)", "revocation_statement"
    if _lacks_words(form.revocation, form.language, _REVOCATION_WORDS):
        message = (
            "Say that the person may revoke in writing, and that this does not undo what was"
            " already done."
        )
        yield Finding(8, code, citation, "revocation", message)
    if not form.how_to_revoke.strip():
        message = "Say how to revoke: a page, an email address or a postal address."
        yield Finding(8, code, citation, "how_to_revoke", message)


def _check_no_conditioning(form: FormText) -> Iterator[Finding]:
    if _lacks_words(form.no_conditioning, form.language, _CONDITION_WORDS):
        message = (
            "Say that treatment, payment, enrollment and eligibility do not depend on signing."
        )
        citation, field = "45 CFR 164.508(c)(2)(ii)", "no_conditioning"
        yield Finding(9, "conditioning_statement", citation, field, message)


def _check_redisclosure(form: FormText) -> Iterator[Finding]:
    if _lacks_words(form.redisclosure, form.language, _REDISCLOSURE_WORDS):
        message = (
            "Say that whoever receives the information may share it, and that it is then no longer"
            " protected."
        )
        citation, field = "45 CFR 164.508(c)(2)(iii)", "redisclosure"
        yield Finding(10, "redisclosure_statement", citation, field, message)


def _check_remuneration(form: FormText) -> Iterator[Finding]:
    citation, code = "45 CFR 164.508(a)(3)(ii)", "remuneration_statement"
    sponsor = form.sponsor.strip()
    if not form.covers_remuneration:
        if sponsor:
            message = "A sponsor is named: say that it pays you for these messages."
            yield Finding(11, code, citation, "remuneration", message)
        return
    if _lacks_words(form.remuneration, form.language, _REMUNERATION_WORDS):
        message = "Say plainly that your organization is paid for these messages."
        yield Finding(11, code, citation, "remuneration", message)
    if sponsor and sponsor.casefold() not in form.remuneration.casefold():
        message = "Name the sponsor in the statement about payment."
        yield Finding(11, code, citation, "remuneration", message)


def _check_plain_language(form: FormText, max_grade: float) -> Iterator[Finding]:
    citation, code = "45 CFR 164.508(c)(3)", "plain_language"
    if not form.language.strip():
        message = "Say which language the form is in."
        yield Finding(12, code, citation, "language", message, Kind.DUTY)
    elif form.language.partition("-")[0].casefold() == "en":
        grade = reading_grade(form.plain_text)
        if grade > max_grade:
            message = (
                f"The form reads at grade {grade:g}; write it for grade {max_grade:g} or"
                " below, with shorter sentences and words."
            )
            yield Finding(12, code, citation, "introduction", message, Kind.DUTY)


def _check_sale(form: FormText) -> Iterator[Finding]:
    if form.covers_sale and _lacks_words(form.sale, form.language, _REMUNERATION_WORDS):
        message = "Say plainly that your organization gets something for passing information on."
        yield Finding(11, "sale_statement", "45 CFR 164.508(a)(4)(ii)", "sale", message)


def _check_part2(form: FormText) -> Iterator[Finding]:
    code, citation = "part2_consent", "42 CFR 2.31(a)"
    marked = Information.PART2 in form.categories
    if marked is (form.part2 is Part2.NONE):
        message = (
            "Substance use disorder records need a consent under 42 CFR Part 2: mark both the kind"
            " of information and the kind of consent, or neither."
        )
        yield Finding(1, code, citation, "part2", message)
    if not marked:
        return
    if _lacks_words(form.information, form.language, _PART2_WORDS):
        message = "Name the records in words: treatment for alcohol or drug use."
        yield Finding(1, code, "42 CFR 2.31(a)(3)", "information", message)
    if form.part2 is Part2.OPERATIONS and form.purposes - _OPERATIONS:
        message = "A consent for treatment, payment and operations can't name other purposes."
        yield Finding(4, code, "42 CFR 2.31(a)(5)", "purposes", message)


_PART2_WORDS = {
    "en": (r"alcohol|drug|substance|addict",),
    "es": (r"alcohol|droga|sustancia|adicci",),
}
_OPERATIONS = {Purpose.APPOINTMENT, Purpose.TREATMENT_REMINDER, Purpose.CARE_COORDINATION}


def _check_separate(form: FormText) -> Iterator[Finding]:
    if form.combined_with:
        message = "The form must stand alone, with its own page and signature."
        yield Finding(13, "not_separate", "45 CFR 164.508(b)(3)", "combined_with", message)


def _check_free_choice(form: FormText) -> Iterator[Finding]:
    if form.required_to_proceed:
        message = "People must be able to go on without signing."
        yield Finding(14, "conditioned", "45 CFR 164.508(b)(4)", "required_to_proceed", message)


_CHECKS: tuple[Callable[[FormText], Iterator[Finding]], ...] = (
    _check_information,
    _check_recipient,
    _check_purposes,
    _check_expiry,
    _check_revocation,
    _check_no_conditioning,
    _check_redisclosure,
    _check_remuneration,
    _check_sale,
    _check_part2,
    _check_separate,
    _check_free_choice,
)
