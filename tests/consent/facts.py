"""Facts to decide about, plain and drawn at random."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st

from consent.rules.authorization import Authorization, Method, Signer
from consent.rules.decision import (
    RecipientFacts,
    Suppression,
    SuppressionReason,
    SuppressionScope,
)
from consent.rules.packs import PACKS
from consent.rules.part2 import Part2
from consent.rules.purposes import Answer, Information, Purpose, Remuneration, Use
from consent.rules.table import Prescription
from contacts.rules.fields import Relationship

NOW = datetime(2026, 11, 21, 17, tzinfo=UTC)
DAY = timedelta(days=1)

PAID_OFFER = Use(
    Purpose.MARKETING,
    Remuneration.PAID,
    frozenset({Information.DEMOGRAPHIC, Information.CLINICAL}),
    sponsor="Acme Fitness",
)
LIVE = Authorization(
    id=UUID(int=1),
    purposes=frozenset({Purpose.MARKETING}),
    information=frozenset({Information.DEMOGRAPHIC, Information.CLINICAL}),
    covers_remuneration=True,
    signed_on=(NOW - 30 * DAY).date(),
    expires_at=NOW + 30 * DAY,
    method=Method.ELECTRONIC,
    copy_given_at=NOW - 30 * DAY,
)
PATIENT = RecipientFacts(Relationship.PATIENT, has_address=True, authorizations=(LIVE,))

moments = st.integers(-40, 40).map(lambda days: NOW + days * DAY)
information = st.frozensets(st.sampled_from(Information), max_size=4)
uses = st.builds(
    Use,
    purpose=st.sampled_from(Purpose),
    remuneration=st.sampled_from(Remuneration),
    information=st.frozensets(
        st.sampled_from([Information.DEMOGRAPHIC, Information.CLINICAL, Information.JOURNEY])
    )
    | information,
    sponsor=st.sampled_from(["", "Acme Fitness"]),
    gives_away=st.sampled_from([Answer.NO, Answer.NO, Answer.YES, Answer.UNKNOWN]),
    features=st.sampled_from([Answer.NO, Answer.NO, Answer.YES, Answer.UNKNOWN]),
    for_others=st.sampled_from(Answer),
    notice_given=st.sampled_from(Answer),
)
authorizations = st.builds(
    Authorization,
    id=st.uuids(),
    purposes=st.frozensets(st.sampled_from(Purpose), min_size=3),
    information=st.just(frozenset(Information)) | information,
    covers_remuneration=st.booleans(),
    signed_on=st.integers(0, 60).map(lambda days: (NOW - days * DAY).date()),
    expires_at=moments,
    method=st.sampled_from(Method),
    covers_sale=st.booleans(),
    part2=st.sampled_from(Part2),
    type_points=st.sampled_from([0, 12, 14]),
    signer=st.sampled_from(Signer),
    authority=st.sampled_from(["", "mother of a minor"]),
    revoked_at=st.none() | st.none() | moments,
    copy_given_at=st.just(NOW) | st.none(),
    form_passed=st.sampled_from([True, True, False]),
    intact=st.sampled_from([True, True, False]),
    disputed=st.sampled_from([False, False, True]),
)
rarely = st.sampled_from([False, False, False, True])
suppressions = st.builds(
    Suppression, st.sampled_from(SuppressionScope), st.sampled_from(SuppressionReason)
)
recipients = st.builds(
    RecipientFacts,
    relationship=st.sampled_from(Relationship),
    has_address=st.sampled_from([True, True, True, False]),
    deceased=st.sampled_from([False, False, False, True]),
    authorizations=st.lists(authorizations, max_size=3).map(tuple),
    suppressions=st.just(frozenset()) | st.frozensets(suppressions, max_size=2),
    state=st.sampled_from(["", "CA", "WA", "TX", "ZZ"]),
    prescription=st.sampled_from(Prescription),
    restricted=st.just(frozenset()) | st.frozensets(st.sampled_from(Purpose), max_size=2),
    paused=rarely,
    declined=rarely,
    often_enough=rarely,
    unconfirmed=rarely,
    household=st.booleans(),
    plain_mail=st.booleans(),
)
packs = st.lists(st.sampled_from(list(PACKS.values())), unique=True).map(tuple)
