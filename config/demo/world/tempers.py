"""How a mail server of the demo's world behaves, well or badly."""

import ssl
import warnings
from enum import StrEnum
from pathlib import Path

from config.demo.world.certificates import Condition


class Temper(StrEnum):
    """One way to behave. Unless said otherwise the server does TLS 1.3 with a good certificate."""

    GOOD_TLS13 = "good, TLS 1.3"
    GOOD_TLS12 = "good, TLS 1.2 at most"
    PLAIN_VERBS = "good, but without PIPELINING and DSN"
    ODD_CASE = "spells STARTTLS in odd case"
    EXPIRED = "expired certificate"
    SELF_SIGNED = "self-signed certificate"
    WRONG_NAME = "certificate for another name"
    OLD_TLS = "TLS 1.0 only"
    NO_STARTTLS = "no STARTTLS"
    STARTTLS_454 = "offers STARTTLS, then answers 454"
    STARTTLS_501 = "offers STARTTLS, then answers 501"
    STRIPPED_LATER = "STARTTLS only on the first connection"
    INJECTED = "a reply slipped in before encryption"
    HANDSHAKE_HANGS = "agrees to STARTTLS, then says nothing"
    GREYLIST = "451 at the first attempt for a recipient, then good"
    ALWAYS_451 = "451 for every recipient"
    MAILBOX_FULL = "452 for every recipient"
    REFUSES_GREETING = "554 instead of a greeting"
    LONG_BANNER = "a greeting without end"
    MIXED_CODES = "one reply with two codes"
    SMALL_SIZE = "takes 2000 octets at most"
    IMPATIENT = "421 after two messages"
    REFUSES_CONTENT = "554 after the final dot"
    DROPS_BEFORE_CONTENT = "hangs up at DATA"
    DROPS_AFTER_DOT = "takes the message and hangs up without an answer"


_CONDITIONS = {
    Temper.EXPIRED: Condition.EXPIRED,
    Temper.SELF_SIGNED: Condition.SELF_SIGNED,
    Temper.WRONG_NAME: Condition.WRONG_NAME,
}


def certificate_condition(temper: Temper) -> Condition:
    """What the server's certificate is to be like."""
    return _CONDITIONS.get(temper, Condition.GOOD)


def server_context(temper: Temper, certificate: Path) -> ssl.SSLContext | None:
    """The server's side of TLS; None for a server that has none."""
    if temper is Temper.NO_STARTTLS:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if temper is Temper.GOOD_TLS12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if temper is Temper.OLD_TLS:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():  # Python says it is deprecated: that is the point
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1
    return context
