"""What a decision reads out of a profile: where somebody lives, and how a prescription stands."""

import re
from datetime import date, timedelta

from consent.rules.table import Prescription

LAPSED_DAYS = 90
"""HHS counts a prescription as current for so many days after it ended (FAQ 1516)."""

ELSEWHERE = "ZZ"
"""Stands for every state without rules of its own here."""

_STATES = {
    "ca": "CA",
    "california": "CA",
    "calif": "CA",
    "wa": "WA",
    "washington": "WA",
    "tx": "TX",
    "texas": "TX",
}
_OTHER_STATES = """
al ak az ar co ct de fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh nj nm ny nc nd
oh ok or pa ri sc sd tn ut vt va wv wi wy dc pr gu vi as mp
alabama alaska arizona arkansas colorado connecticut delaware florida georgia hawaii idaho illinois
indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi
missouri montana nebraska nevada newhampshire newjersey newmexico newyork northcarolina northdakota
ohio oklahoma oregon pennsylvania rhodeisland southcarolina southdakota tennessee utah vermont
virginia westvirginia wisconsin wyoming districtofcolumbia puertorico guam
"""
_OTHERS = frozenset(_OTHER_STATES.split())
_ZIP_PREFIXES = {
    "CA": [(900, 961)],
    "WA": [(980, 994)],
    "TX": [(733, 733), (750, 799), (885, 885)],
}


def state_of(state: object, postal_code: object) -> str:
    """The state with stricter rules that somebody lives in, `ELSEWHERE`, or "" if nobody knows.

    The two may disagree, say after a move, or the name may be written in a way that is not known
    here; then every state's rules hold.
    """
    named, posted = _by_name(state), _by_zip(postal_code)
    if named and posted and named != posted:
        return ""
    return named or posted


def _by_name(state: object) -> str:
    name = re.sub(r"[^a-z]", "", str(state or "").casefold())
    return _STATES.get(name, ELSEWHERE if name in _OTHERS else "")


def _by_zip(postal_code: object) -> str:
    match = re.match(r"\s*(\d{3})\d\d", str(postal_code or ""))
    if not match:
        return ""
    prefix = int(match[1])
    for state, ranges in _ZIP_PREFIXES.items():
        if any(first <= prefix <= last for first, last in ranges):
            return state
    return ELSEWHERE


def prescription_at(ended_on: object, today: date) -> Prescription:
    """How somebody stands to a medicine that ends, or ended, on an ISO date."""
    try:
        ended = date.fromisoformat(str(ended_on))
    except ValueError:
        return Prescription.UNKNOWN
    if today <= ended:
        return Prescription.CURRENT
    lapsed = today - ended <= timedelta(days=LAPSED_DAYS)
    return Prescription.LAPSED if lapsed else Prescription.ENDED
