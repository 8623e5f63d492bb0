"""DANE: matching by itself, and over real handshakes with names that DNSSEC vouches for."""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.transports.addresses import parse_address
from delivery.transports.courier import Courier
from delivery.transports.dane import (
    DaneCheck,
    TlsaRecord,
    check_for,
    public_key_info,
)
from delivery.transports.dns import LookupFailedError
from delivery.transports.envelope import Envelope
from delivery.transports.outcomes import (
    Accepted,
    Deferred,
    Outcome,
    Unprotected,
)
from delivery.transports.tls import Protection
from tests.mail.certificates import DAY, Issued, issue
from tests.mail.scripted import HOST, Dialog, ScriptedResolver, scripted_server
from tests.mail.signed import UNSIGNED, SignedWorld

NOW = datetime.now(UTC)
ROOT = issue(authority=True, common_name="root")
BETWEEN = issue(authority=True, issuer=ROOT, common_name="between")
LEAF = issue("mx.clinic.test", issuer=BETWEEN, common_name="leaf")
STRANGER = issue("mx.clinic.test", issuer=issue(authority=True), common_name="stranger")


def record(issued: Issued, usage: int, selector: int = 1, matching: int = 1) -> TlsaRecord:
    selected = issued.key_info if selector else issued.der
    digests = {0: lambda data: data, 1: sha256, 2: lambda data: hashlib.sha512(data).digest()}
    return TlsaRecord(usage, selector, matching, digests[matching](selected))


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def fits(
    issued: Issued, *records: TlsaRecord, host: str = "mx.clinic.test", domain: str = "clinic.test"
) -> bool:
    check = check_for(records, host, domain)
    assert check is not None
    return check.verify(issued.chain, NOW) is not None


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize(("usage", "at"), [(3, LEAF), (2, ROOT), (2, BETWEEN)])
def test_every_usable_kind_of_record_fits_what_it_describes(
    usage: int, at: Issued, selector: int, matching: int
) -> None:
    assert fits(LEAF, record(at, usage, selector, matching))
    assert not fits(STRANGER, record(at, usage, selector, matching))


def test_an_end_entity_record_ignores_name_and_dates() -> None:
    old = issue("other.test", ends=-DAY / 2, starts=-DAY)
    assert fits(old, record(old, 3))


@pytest.mark.parametrize(
    ("issued", "reason"),
    [
        (issue("other.test", issuer=BETWEEN), "another name"),
        (issue(issuer=BETWEEN, common_name="mx.clinic.test"), "no name but the common one"),
        (issue("mx.clinic.test", issuer=BETWEEN, starts=-2 * DAY, ends=-DAY), "expired"),
        (issue("mx.clinic.test", issuer=BETWEEN, starts=DAY), "not yet valid"),
        (issue("mx.clinic.test", issuer=LEAF), "issued by one who is no authority"),
    ],
)
def test_a_trust_anchor_takes_name_dates_and_a_sound_chain(issued: Issued, reason: str) -> None:
    assert not fits(issued, record(ROOT, 2)), reason


def test_a_trust_anchor_vouches_for_the_host_or_the_recipients_domain() -> None:
    for name in ("mx.clinic.test", "clinic.test", "*.clinic.test"):
        assert fits(issue(name, issuer=ROOT), record(ROOT, 2)), name


def test_a_trust_anchor_that_is_only_sent_along_does_not_vouch() -> None:
    forged = Issued(STRANGER.certificate, STRANGER.key, (ROOT.certificate,))
    assert not fits(forged, record(ROOT, 2))


def test_a_whole_certificate_in_the_dns_need_not_be_sent() -> None:
    alone = Issued(LEAF.certificate, LEAF.key, (BETWEEN.certificate,))
    assert fits(alone, record(ROOT, 2, 0, 0))
    assert not fits(alone, record(ROOT, 2, 0, 1))


def test_a_trust_anchor_is_not_the_servers_own_certificate() -> None:
    assert not fits(LEAF, record(LEAF, 2))


def test_one_fitting_record_is_enough() -> None:
    assert fits(LEAF, record(STRANGER, 3), record(STRANGER, 2), record(LEAF, 3))


def test_the_stronger_digest_alone_counts() -> None:
    weak = record(LEAF, 3, 1, 1)
    strong_but_wrong = record(STRANGER, 3, 1, 2)
    assert not fits(LEAF, weak, strong_but_wrong)
    assert fits(LEAF, record(LEAF, 3, 1, 2), record(STRANGER, 3, 1, 1))


@pytest.mark.parametrize(
    "unusable",
    [
        TlsaRecord(0, 1, 1, bytes(32)),
        TlsaRecord(1, 1, 1, bytes(32)),
        TlsaRecord(3, 2, 1, bytes(32)),
        TlsaRecord(3, 1, 3, bytes(32)),
        TlsaRecord(3, 1, 1, bytes(31)),
        TlsaRecord(3, 1, 2, bytes(32)),
        TlsaRecord(3, 1, 0, b""),
    ],
)
def test_records_that_say_nothing_to_mail_clients_are_no_check(unusable: TlsaRecord) -> None:
    assert check_for([unusable], "mx.test", "test") is None
    check = check_for([unusable, record(LEAF, 3)], "mx.test", "test")
    assert check is not None
    assert check.records == (record(LEAF, 3),)


def test_the_public_key_is_cut_out_as_it_stands() -> None:
    for issued in (ROOT, BETWEEN, LEAF, STRANGER):
        assert public_key_info(issued.der) == issued.key_info


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_any_record_and_any_bytes_match_or_do_not(
    data: bytes, usage: int, selector: int, matching: int
) -> None:
    check = check_for([TlsaRecord(usage, selector, matching, data)], "mx.test", "test")
    if check is not None:
        assert check.verify([data], NOW) in (None, *check.records)
        assert check.verify(LEAF.chain, NOW) is None


# A damaged serial number may be one that RFC 5280 does not allow; the library reads it still.
@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
@given(st.data())
def test_a_damaged_certificate_never_fits(data: st.DataObject) -> None:
    der = bytearray(LEAF.der)
    place = data.draw(st.integers(0, len(der) - 1))
    der[place] ^= data.draw(st.integers(1, 255))
    cut = bytes(der[: data.draw(st.integers(0, len(der)))])
    for broken in (bytes(der), cut):
        anchored = check_for([record(ROOT, 2)], "mx.clinic.test", "clinic.test")
        whole = check_for([record(LEAF, 3, 0, 1)], "mx.clinic.test", "clinic.test")
        assert anchored is not None
        assert whole is not None
        assert anchored.verify([broken, *LEAF.chain[1:]], NOW) is None
        assert whole.verify([broken], NOW) is None
        key_only = DaneCheck("mx", (record(LEAF, 3),), ())
        key_only.verify([broken], NOW)  # whatever it says, it says it


def test_without_a_chain_nothing_fits() -> None:
    check = check_for([record(LEAF, 3)], "mx.test", "test")
    assert check is not None
    assert check.verify([], NOW) is None
    assert check.verify(LEAF.chain * 20, NOW) is None


# Over the wire


def envelope(domain: str) -> Envelope:
    recipient = parse_address(f"ann@{domain}")
    return Envelope("id-1", parse_address("b@sender.test"), recipient, b"canary\r\n")


def send(courier: Courier, domain: str) -> Outcome:
    async def scenario() -> Outcome:
        try:
            return await courier.send(envelope(domain), Protection.VERIFIED)
        finally:
            await courier.close()

    return asyncio.run(scenario())


def test_case_09_self_signed_is_enough_where_dane_says_so(signed_world: SignedWorld) -> None:
    outcome = send(signed_world.courier(), "dane-own.test")
    assert isinstance(outcome, Accepted)
    evidence = outcome.evidence
    assert (evidence.level, evidence.policy_source, evidence.policy_id) == ("L3", "dane", "3 1 1")
    without = send(signed_world.courier(), "self-signed.test")
    assert not isinstance(without, Accepted)


def test_an_expired_certificate_is_enough_where_dane_says_so(signed_world: SignedWorld) -> None:
    assert isinstance(send(signed_world.courier(), "dane-expired.test"), Accepted)


def test_case_11_a_tlsa_mismatch_does_not_fall_back_to_the_webs_rules(
    signed_world: SignedWorld,
) -> None:
    mail = signed_world.mail
    mail.store.clear()
    outcome = send(signed_world.courier(), "dane-mismatch.test")
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "dane_mismatch"
    assert outcome.sentence
    assert outcome.evidence.policy_source == "dane"
    assert mail.store.messages_for("ann@dane-mismatch.test") == []


def test_case_11_not_even_with_a_certificate_that_would_pass_them(tmp_path: Path) -> None:
    wrong = ScriptedResolver((record(STRANGER, 3),))
    with scripted_server(tmp_path, Dialog.greet, resolver=wrong) as (courier, dialogs):
        outcome = send(courier, "scripted.test")
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "dane_mismatch"
    assert not any(b"MAIL" in line for line in dialogs[0].received)


def test_a_private_authority_named_by_dane_vouches(tmp_path: Path) -> None:
    leaf = issue(HOST, issuer=BETWEEN)
    pem = leaf.write(tmp_path / "leaf.pem")
    anchored = ScriptedResolver((record(ROOT, 2),))
    with scripted_server(tmp_path, taking_one, resolver=anchored, certificate=pem) as (courier, _):
        outcome = send(courier, "scripted.test")
    assert isinstance(outcome, Accepted)
    assert (outcome.evidence.level, outcome.evidence.policy_id) == ("L3", "2 1 1")
    assert outcome.evidence.certificate_issuer == "CN=between"


def test_a_private_authority_does_not_vouch_for_another_name(tmp_path: Path) -> None:
    pem = issue("other.test", issuer=BETWEEN).write(tmp_path / "leaf.pem")
    anchored = ScriptedResolver((record(ROOT, 2),))
    with scripted_server(tmp_path, Dialog.greet, resolver=anchored, certificate=pem) as (c, _):
        outcome = send(c, "scripted.test")
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "dane_mismatch"


def taking_one(dialog: Dialog) -> None:
    dialog.greet(b"PIPELINING")
    for _ in range(3):
        dialog.hear()
    dialog.say(b"250 ok\r\n250 ok\r\n354 go\r\n")
    dialog.hear_content()
    dialog.say(b"250 taken\r\n")
    dialog.hear()


def test_dane_without_starttls_is_unprotected(signed_world: SignedWorld) -> None:
    outcome = send(signed_world.courier(), "dane-no-tls.test")
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "no_starttls"


def test_unsigned_tlsa_records_are_no_excuse_for_a_bad_certificate(
    signed_world: SignedWorld,
) -> None:
    outcome = send(signed_world.courier(), f"dane.{UNSIGNED}")
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "certificate_untrusted"


def test_a_name_server_that_is_not_said_to_validate_is_not_believed(
    signed_world: SignedWorld,
) -> None:
    resolver = signed_world.resolver(validating=False)
    outcome = send(signed_world.courier(resolver), "dane-own.test")
    assert isinstance(outcome, Unprotected)
    assert outcome.kind == "certificate_untrusted"


@pytest.mark.parametrize("domain", ["dane-bogus.test", "dane-servfail.test"])
def test_when_tlsa_cannot_be_looked_up_the_host_is_skipped(
    signed_world: SignedWorld, domain: str
) -> None:
    outcome = send(signed_world.courier(), domain)
    assert isinstance(outcome, Deferred)
    assert outcome.kind == "dane_lookup_failed"
    assert outcome.sentence


def test_the_next_host_is_tried_when_tlsa_cannot_be_looked_up(signed_world: SignedWorld) -> None:
    outcome = send(signed_world.courier(), "two-hosts.test")
    assert isinstance(outcome, Accepted)
    assert (outcome.evidence.level, outcome.evidence.policy_source) == ("L3", "dnssec")


def test_case_12_bogus_signatures_are_no_answer(signed_world: SignedWorld) -> None:
    outcome = send(signed_world.courier(), "bogus.test")
    assert isinstance(outcome, Deferred)
    assert outcome.kind == "lookup_failed"
    with pytest.raises(LookupFailedError):
        asyncio.run(signed_world.resolver().mail_hosts("bogus.test"))


def test_only_unusable_records_leave_the_webs_rules(signed_world: SignedWorld) -> None:
    outcome = send(signed_world.courier(), "dane-unusable.test")
    assert isinstance(outcome, Accepted)
    assert (outcome.evidence.level, outcome.evidence.policy_source) == ("L3", "dnssec")


def test_a_signed_list_of_hosts_raises_the_level_and_an_unsigned_one_does_not(
    signed_world: SignedWorld,
) -> None:
    for domain, level, source in [
        ("good-tls13.test", "L3", "dnssec"),
        (f"signed-list.{UNSIGNED}", "L2", ""),
    ]:
        outcome = send(signed_world.courier(), domain)
        assert isinstance(outcome, Accepted)
        assert (outcome.evidence.level, outcome.evidence.policy_source) == (level, source)


@pytest.mark.parametrize("domain", ["dane-alias.test", "dane-aliased.test"])
def test_an_alias_s_records_are_found_under_either_of_its_names(
    signed_world: SignedWorld, domain: str
) -> None:
    outcome = send(signed_world.courier(), domain)
    assert isinstance(outcome, Accepted)
    assert (outcome.evidence.level, outcome.evidence.policy_source) == ("L3", "dane")
    assert outcome.evidence.host == f"mx.{domain}"
