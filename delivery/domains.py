"""The DNS records that a sender's domain needs, and whether what was found is right. Pure.

SPF (RFC 7208), DKIM (RFC 6376, RFC 8463), DMARC (RFC 7489), MTA-STS (RFC 8461), TLS reports
(RFC 8460), and the mail host of the domain that bounces come back to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

KEPT = 5, 500
"""So many texts, and so many characters of each, are kept of what was found."""


class Need(StrEnum):
    """How much depends on a record."""

    MUST = "must"
    """Without it nothing is sent."""
    SHOULD = "should"
    """Without it some mail servers trust our mail less."""
    MAY = "may"


class State(StrEnum):
    """What the DNS was seen to say."""

    OK = "ok"
    MISSING = "missing"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """Nobody answered, or not in a way that can be relied on."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record to publish. `key` names it among a domain's; `purpose` is for people."""

    key: str
    need: Need
    kind: str
    name: str
    value: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in place of a record, and in words what could be better."""

    state: State
    seen: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A DKIM key's public side."""

    algorithm: str
    selector: str
    record: str


def wanted(
    name: str, bounce_domain: str, keys: Sequence[PublicKey], spf: str, mail_host: str
) -> list[Record]:
    """The records of a domain: what must stand first, then what should, then what may."""
    dkim = [
        Record(
            f"dkim:{key.selector}",
            Need.MUST if key.algorithm == "rsa" else Need.SHOULD,
            "TXT",
            f"{key.selector}._domainkey.{name}",
            key.record,
            _DKIM[key.algorithm],
        )
        for key in keys
    ]
    others = [
        Record(
            "dmarc",
            Need.MUST,
            "TXT",
            f"_dmarc.{name}",
            "v=DMARC1; p=none",
            "Tells mail servers what to do with mail that only pretends to be yours (DMARC).",
        ),
        Record(
            "spf",
            Need.SHOULD,
            "TXT",
            bounce_domain,
            spf,
            "Names the servers that may send for you (SPF).",
        ),
        Record(
            "mx",
            Need.SHOULD,
            "MX",
            bounce_domain,
            f"10 {mail_host}",
            "Leads mail that could not be delivered back to us (MX).",
        ),
        Record(
            "mta_sts",
            Need.MAY,
            "TXT",
            f"_mta-sts.{bounce_domain}",
            "v=STSv1; id=1",
            "Has what comes back encrypted on its way (MTA-STS). It also needs a page on the web.",
        ),
        Record(
            "tls_rpt",
            Need.MAY,
            "TXT",
            f"_smtp._tls.{bounce_domain}",
            f"v=TLSRPTv1; rua=mailto:postmaster@{name}",
            "Has others tell you when they could not encrypt (TLS reports).",
        ),
    ]
    order = list(Need)
    return sorted([*dkim, *others], key=lambda each: order.index(each.need))


_DKIM = {
    "rsa": "Lets mail servers check our signature, so that nobody can write in your name (DKIM).",
    "ed25519": "Lets newer mail servers check our second signature too (DKIM).",
}


def judge(record: Record, seen: Sequence[str] | None) -> Finding:
    """Whether what the DNS says is right; `seen` is None where it gave no answer.

    Texts come joined (RFC 7208 3.3); of MX records, the hosts' names.
    """
    if seen is None:
        return Finding(State.UNKNOWN)
    number, length = KEPT
    kept = tuple(text[:length] for text in seen[:number])
    state, words = _JUDGES[record.key.partition(":")[0]](record, seen)
    return Finding(state, kept if state is State.WRONG or words else (), words)


def may_send(findings: Iterable[tuple[Need, State]]) -> bool | None:
    """Whether all that must stand stands; None where nobody knows.

    The signature carries the domain of the sender's address, so it aligns by itself (RFC 7489
    3.1.1). SPF alone would break at every forwarder; so it is advice.
    """
    states = {state for need, state in findings if need is Need.MUST}
    if states & {State.MISSING, State.WRONG}:
        return False
    return None if State.UNKNOWN in states else bool(states)


_Judged = tuple[State, str]


def _dkim(record: Record, seen: Sequence[str]) -> _Judged:
    found = [tags for text in seen if "p" in (tags := tags_of(text))]
    if not found:
        return State.MISSING, ""
    if len(found) > 1:
        return State.WRONG, "There is more than one record. Leave only this one."
    mine, theirs = tags_of(record.value), found[0]
    same = all(_bare(mine[tag]) == _bare(theirs.get(tag, _KEY_DEFAULTS[tag])) for tag in "kp")
    if same and theirs.get("v", "DKIM1") == "DKIM1":
        return State.OK, ""
    if not theirs["p"]:
        return State.WRONG, "The record says that this key is withdrawn."
    return State.WRONG, "There is another key in its place. Copy the whole value again."


_KEY_DEFAULTS = {"k": "rsa", "p": ""}


def _spf(record: Record, seen: Sequence[str]) -> _Judged:
    found = [text for text in seen if _is_spf(text)]
    if not found:
        return State.MISSING, ""
    if len(found) > 1:
        return State.WRONG, "There is more than one SPF record, so none counts. Make one of them."
    allowed = _allowed(found[0])
    if all(each in allowed for each in _allowed(record.value)):
        return State.OK, ""
    return State.WRONG, "The record does not name our server. Add the middle part of the value."


def _is_spf(text: str) -> bool:
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


def _allowed(text: str) -> list[str]:
    """The terms that let a server pass, as far as they are read (RFC 7208 4.6.2)."""
    found = []
    for term in text.lower().split()[1:]:
        if term.lstrip("+-~?") == "all":
            break
        if term[0] not in "-~?":
            found.append(term.removeprefix("+"))
    return found


def _dmarc(_record: Record, seen: Sequence[str]) -> _Judged:
    found = [text for text in seen if re.match(r"v\s*=\s*DMARC1\s*(;|$)", text)]
    if not found:
        return State.MISSING, ""
    if len(found) > 1:
        return State.WRONG, "There is more than one DMARC record, so none counts. Leave one."
    policy = tags_of(found[0]).get("p", "").lower()
    if policy not in ("none", "quarantine", "reject"):
        return State.WRONG, "The record has no policy. Give it p=none, p=quarantine or p=reject."
    if policy == "none":
        return State.OK, (
            "Its policy is p=none: mail that only pretends to be yours is still delivered. Choose"
            " p=quarantine or p=reject once all your mail is signed."
        )
    return State.OK, ""


def _mx(record: Record, seen: Sequence[str]) -> _Judged:
    if not seen:
        return State.MISSING, ""
    host = record.value.partition(" ")[2].lower()
    if host in [each.lower().rstrip(".") for each in seen]:
        return State.OK, ""
    return State.WRONG, "It leads to another server, so we do not learn what came back."


def _one_of(version: str, needed: str) -> Callable[[Record, Sequence[str]], _Judged]:
    def judge_it(_record: Record, seen: Sequence[str]) -> _Judged:
        found = [text for text in seen if tags_of(text).get("v") == version]
        if not found:
            return State.MISSING, ""
        if len(found) > 1:
            return State.WRONG, "There is more than one record, so none counts. Leave one."
        if not tags_of(found[0]).get(needed):
            return State.WRONG, f"The record lacks its part {needed}=."
        return State.OK, ""

    return judge_it


_JUDGES: Mapping[str, Callable[[Record, Sequence[str]], _Judged]] = {
    "dkim": _dkim,
    "spf": _spf,
    "dmarc": _dmarc,
    "mx": _mx,
    "mta_sts": _one_of("STSv1", "id"),
    "tls_rpt": _one_of("TLSRPTv1", "rua"),
}


def tags_of(text: str) -> dict[str, str]:
    """The tags of a record such as `v=DKIM1; k=rsa; p=...` (RFC 6376 3.2); the first of each."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip(), value.strip())
    return found


def _bare(value: str) -> str:
    """Without the spaces that a key may be folded with."""
    return "".join(value.split())
