"""Email addresses, by a grammar stricter than RFC 5321: one plain mailbox, nothing around it.

Refused on purpose: display names, lists, comments, quoted local parts, address literals and
non-ASCII local parts. Each is rare among patients and a way to mail somebody else.
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Self

import idna

MAX_LOCAL_OCTETS = 64  # RFC 5321 4.5.3.1.1
MAX_ADDRESS_OCTETS = 254  # RFC 5321 4.5.3.1.3: a path of 256 octets with its angle brackets

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322 3.2.3, atext
_AROUND = re.compile(r"[<>,; \t\r\n]")
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")


class EmailProblem(ValueError):
    """The text is not one plain email address. The message never repeats the text."""


class EmailAddress(NamedTuple):
    """One mailbox: the local part as given, the domain in ASCII and lower case."""

    local: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one address; raise EmailProblem in plain words when it is not one."""
        text = text.strip()
        local, _, domain = text.rpartition("@")
        # Both refuse what is around an address, so that most are not searched for it.
        if len(local) > MAX_LOCAL_OCTETS or not _LOCAL.fullmatch(local):
            raise EmailProblem(_what_is_wrong(text))
        address = cls(local, _ascii_domain(domain))
        if len(local) + len(address.domain) >= MAX_ADDRESS_OCTETS:
            raise EmailProblem("the email is too long")
        return address

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def match_key(self) -> str:
        """The form to compare by. Mail goes to the address as given (RFC 5321 2.4)."""
        return f"{self.local.casefold()}@{self.domain}"


def _what_is_wrong(text: str) -> str:
    """With the text of an address whose local part is not valid."""
    if _AROUND.search(text):
        return _SOMETHING_AROUND
    local, _, domain = text.rpartition("@")
    if not local or not domain:
        return _NOT_AN_ADDRESS
    return "the part of the email before the @ is not valid"


_SOMETHING_AROUND = "the email must be one address without a name or spaces around it"
_NOT_AN_ADDRESS = "the email must look like name@example.org"


@lru_cache(maxsize=4096)  # a patient list has few domains, and IDNA is slow
def _ascii_domain(domain: str) -> str:
    if _AROUND.search(domain):
        raise EmailProblem(_SOMETHING_AROUND)
    if not domain:
        raise EmailProblem(_NOT_AN_ADDRESS)
    problem = EmailProblem("the part of the email after the @ is not a mail domain")
    try:
        ascii_domain = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:
        raise problem from None  # the cause would quote the domain
    *_, top = ascii_domain.split(".")
    if "." not in ascii_domain or not top or top.isdigit():
        raise problem
    return ascii_domain.lower()


class FlagCode(StrEnum):
    ROLE = "role"
    PLACEHOLDER = "placeholder"
    DISPOSABLE = "disposable"
    TYPING_MISTAKE = "typing_mistake"


class Flag(NamedTuple):
    """Something about an address that deserves a look. The words never repeat the address."""

    code: FlagCode
    words: str


def flags(address: EmailAddress) -> list[Flag]:
    """What is suspicious about an address. It is still used as it is."""
    local, domain = address
    mailbox = local.casefold().partition("+")[0]
    for mark in "-_.":  # `translate` takes four times as long
        mailbox = mailbox.replace(mark, "")
    found = _flags_of_domain(domain)
    if not found and mailbox not in _SUSPICIOUS:  # as most are
        return []
    if mailbox in _PLACEHOLDERS and all(flag.code is not FlagCode.PLACEHOLDER for flag in found):
        found = (_MADE_UP, *found)
    if mailbox in _ROLES:
        found = (_SHARED, *found)
    return list(found)


_MADE_UP = Flag(FlagCode.PLACEHOLDER, "the email looks made up, to fill a form")
_SHARED = Flag(FlagCode.ROLE, "the email looks like a shared mailbox, not one person's")


@lru_cache(maxsize=4096)  # a patient list has few domains
def _flags_of_domain(domain: str) -> tuple[Flag, ...]:
    found = []
    if domain in _PLACEHOLDER_DOMAINS:
        found.append(_MADE_UP)
    if any(parent in _DISPOSABLE for parent in _and_parents(domain)):
        words = "the email is from a service for throw-away addresses"
        found.append(Flag(FlagCode.DISPOSABLE, words))
    if meant := _likely_meant(domain):
        words = f"the email may be mistyped: perhaps {meant} was meant"
        found.append(Flag(FlagCode.TYPING_MISTAKE, words))
    return tuple(found)


def _likely_meant(domain: str) -> str:
    """The domain of which this one is an obvious typing mistake; empty if it is none."""
    if meant := _MISTYPED.get(domain):
        return meant
    name, _, top = domain.rpartition(".")
    if top not in _MISTYPED_TOPS:
        return ""
    corrected = f"{name}.{_MISTYPED_TOPS[top]}"
    return _MISTYPED.get(corrected, corrected)


def _and_parents(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(len(labels) - 1)]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What front desks type where a patient gives no address. The mailboxes belong to somebody.
_PLACEHOLDERS = _words(
    "na none noemail nomail noaddress notgiven notprovided donthave declined refused unknown xxx"
)
_PLACEHOLDER_DOMAINS = _words(
    "example.com example.net example.org test.com none.com noemail.com nomail.com na.com email.none"
    " unknown.com declined.com"
)

# RFC 2142, and what websites and front desks use.
_ROLES = _words(
    """
    abuse accounting accounts admin admissions administrator appointments billing careers clinic
    contact customerservice devnull donotreply emailadmin enquiries everyone feedback finance
    frontdesk ftp hello help helpdesk hostmaster hr info information inquiries investors jobs
    mailerdaemon marketing media medicalrecords news newsletter nobody noc noreply office
    orders patients payroll postmaster press privacy receptionist reception records recruiting
    root sales scheduling security service spam staff subscribe support team test unsubscribe
    usenet uucp webmaster www
    """
)

_SUSPICIOUS = _PLACEHOLDERS | _ROLES

_DISPOSABLE = _words(
    """
    10minutemail.com 10minutemail.net 20minutemail.com 33mail.com anonbox.net burnermail.io
    discard.email dispostable.com emailondeck.com fakeinbox.com fakemail.net getairmail.com
    getnada.com grr.la guerrillamail.biz guerrillamail.com guerrillamail.de guerrillamail.info
    guerrillamail.net guerrillamail.org guerrillamailblock.com harakirimail.com inboxkitten.com
    incognitomail.org jetable.org mail-temp.com mailcatch.com maildrop.cc mailinator.com
    mailinator.net mailnesia.com mailnull.com mailsac.com mintemail.com moakt.com mohmal.com
    mytemp.email mytrashmail.com nada.email pokemail.net sharklasers.com spam4.me spambog.com
    spambox.us spamgourmet.com spamex.com temp-mail.io temp-mail.org tempail.com tempinbox.com
    tempmail.com tempmail.net tempmailo.com tempr.email throwawaymail.com trash-mail.com
    trashmail.com trashmail.net trbvm.com wegwerfmail.de yopmail.com yopmail.fr yopmail.net
    """
)

_MISTAKES = {
    "gmail.com": """gmial.com gamil.com gmai.com gmal.com gmil.com gnail.com gmaill.com gmaul.com
        gmali.com gmailcom.com ggmail.com gmeil.com gmaik.com gmsil.com gimail.com gmall.com
        gmail.co gmail.cm gmail.om gmail.cim gmail.col gmaii.com gmakl.com""",
    "hotmail.com": """hotmial.com hotmai.com hotmal.com hotmil.com hotamil.com hotmaill.com
        homail.com hotmsil.com hotnail.com hitmail.com htmail.com hotmail.co hotmail.cm
        hotmail.om hormail.com hotmali.com""",
    "yahoo.com": """yaho.com yahooo.com yhaoo.com yahho.com yhoo.com yaoo.com tahoo.com uahoo.com
        yahoo.co yahoo.cm yahoo.om yaboo.com yajoo.com""",
    "outlook.com": """outlok.com outloo.com otlook.com outllook.com outlool.com outlookk.com
        outook.com oulook.com outlook.co outlook.cm""",
    "icloud.com": "iclud.com icoud.com iclod.com icloud.co icloud.cm icloude.com iclould.com",
    "aol.com": "aol.co aol.cm aol.om aoll.com aool.com",
    "comcast.net": "comast.net concast.net comcas.net comcat.net",
    "verizon.net": "verison.net verizn.net",
}
_MISTYPED = {wrong: right for right, wrongs in _MISTAKES.items() for wrong in wrongs.split()}

# None of these is a top-level domain.
_MISTYPED_TOPS = {
    **dict.fromkeys(("con", "cmo", "ocm", "vom", "comm", "coom", "xom", "cpm", "coml"), "com"),
    **dict.fromkeys(("ogr", "orgg", "rog", "prg", "otg"), "org"),
    **dict.fromkeys(("nte", "ent", "nett", "netr", "nrt"), "net"),
    **dict.fromkeys(("eud", "edy", "deu", "eduu"), "edu"),
}
