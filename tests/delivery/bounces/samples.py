"""Mails that came back, as different programs write them. Each is about one recipient, unless it
says otherwise; what they return holds a word that must not stay anywhere."""

from __future__ import annotations

import base64
from collections.abc import Callable
from email.mime.text import MIMEText

CANARY = "Zebrafinchosis"
ORIGINAL = (
    "From: Riverside Health <care@riverside.test>\r\n"
    "To: {address}\r\n"
    "Subject: A note\r\n"
    "Message-ID: <{identifier}@riverside.test>\r\n"
    "\r\n"
    f"Dear Pat, about your {CANARY}.\r\n"
)


def dsn(
    address: str,
    status: str,
    action: str = "failed",
    words: str = "",
    *,
    original: str = "",
    reporter: str = "mx.example.test",
    extra: str = "",
    kind: str = "message/rfc822",
) -> bytes:
    """A delivery status notification as Postfix writes it, with the whole message."""
    said = words or f"smtp; 550 {status} <{address}>: no"
    returned = original or ORIGINAL.format(address=address, identifier="0" * 32)
    return (
        "Return-Path: <>\r\n"
        f"From: MAILER-DAEMON@{reporter} (Mail Delivery System)\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b1"\r\n'
        "\r\n"
        "This is a MIME-encapsulated message.\r\n\r\n"
        "--b1\r\n"
        "Content-Description: Notification\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
        f"This is the mail system at host {reporter}.\r\n\r\n"
        f"<{address}>: host mx.example.test said: {said}\r\n\r\n"
        "--b1\r\n"
        "Content-Description: Delivery report\r\n"
        "Content-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; {reporter}\r\n"
        "X-Postfix-Queue-ID: 4AB12\r\n"
        "\r\n"
        f"{extra}"
        f"Final-Recipient: rfc822; {address}\r\n"
        f"Original-Recipient: rfc822;{address}\r\n"
        f"Action: {action}\r\n"
        f"Status: {status}\r\n"
        f"Diagnostic-Code: {said}\r\n"
        "\r\n"
        "--b1\r\n"
        "Content-Description: Undelivered Message\r\n"
        f"Content-Type: {kind}\r\n\r\n"
        f"{returned}\r\n"
        "--b1--\r\n"
    ).encode()


def postfix(address: str) -> bytes:
    return dsn(address, "5.1.1")


def postfix_headers_only(address: str) -> bytes:
    returned = ORIGINAL.format(address=address, identifier="0" * 32).partition("\r\n\r\n")[0]
    return dsn(address, "5.1.1", original=returned, kind="text/rfc822-headers")


def exim_text(address: str) -> bytes:
    """Exim before it knew delivery status."""
    return (
        "From: Mail Delivery System <Mailer-Daemon@exim.test>\r\n"
        f"X-Failed-Recipients: {address}\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "Subject: Mail delivery failed: returning message to sender\r\n\r\n"
        "This message was created automatically by mail delivery software.\r\n\r\n"
        "A message that you sent could not be delivered to one or more of its\r\n"
        "recipients. This is a permanent error. The following address(es) failed:\r\n\r\n"
        f"  {address}\r\n"
        "    host mx.exim.test [192.0.2.5]\r\n"
        "    SMTP error from remote mail server after RCPT TO:\r\n"
        "    550 5.1.1 User unknown\r\n\r\n"
        "------ This is a copy of the message, including all the headers. ------\r\n\r\n"
        + ORIGINAL.format(address=address, identifier="0" * 32)
    ).encode()


def exchange(address: str) -> bytes:
    """Exchange Online: a status without much in it, and the reason in the server's words."""
    return dsn(
        address,
        "5.0.0",
        words="smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup",
        reporter="DM6PR01.prod.outlook.test",
    )


def qmail(address: str) -> bytes:
    return (
        "From: MAILER-DAEMON@qmail.test\r\n"
        "Subject: failure notice\r\n\r\n"
        "Hi. This is the qmail-send program at qmail.test.\r\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\r\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n"
        f"<{address}>:\r\n"
        "Sorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
        "--- Below this line is a copy of the message.\r\n\r\n"
        + ORIGINAL.format(address=address, identifier="0" * 32)
    ).encode()


def gmail(address: str) -> bytes:
    """Pictures and web pages before the status."""
    picture = base64.encodebytes(b"\x89PNG" + bytes(5000)).decode()
    report = dsn(
        address, "5.1.1", words="smtp; 550-5.1.1 The email account does not exist", kind="text/html"
    )
    related = (
        '--b1\r\nContent-Type: multipart/related; boundary="b2"\r\n\r\n'
        "--b2\r\nContent-Type: text/html; charset=UTF-8\r\n\r\n<html><b>not found</b></html>\r\n"
        "--b2\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{picture}\r\n--b2--\r\n"
    )
    return report.replace(b"--b1\r\n", related.encode() + b"--b1\r\n", 1)


def sendmail_group_at_end(address: str) -> bytes:
    """Comments behind action and status."""
    return dsn(address, "5.1.1 (bad destination mailbox address)", "failed (user unknown)")


def opensmtpd(address: str) -> bytes:
    return dsn(address, "5.1.1", "error")


def lower_case_fields(address: str) -> bytes:
    return (
        postfix(address)
        .replace(b"Action: failed", b"ACTION: FAILED")
        .replace(b"Status: ", b"status:")
    )


def bare_line_feeds(address: str) -> bytes:
    return postfix(address).replace(b"\r\n", b"\n")


def odd_characters(address: str) -> bytes:
    """Octets that no charset knows, in a charset that nobody knows."""
    return (
        postfix(address)
        .replace(b"charset=us-ascii", b"charset=x-unknown-klingon")
        .replace(b"said: ", b"said: \xff\xfe\x80 bo\xeete inconnue ")
        .replace(b"X-Postfix-Queue-ID: ", b"X-Postfix-Queue-ID: \xe9\xff")
    )


def base64_text(address: str) -> bytes:
    """Qmail's text, as a gateway encodes it."""
    head, _, text = qmail(address).partition(b"\r\n\r\n")
    part = MIMEText(text.decode(), "plain", "utf-8").as_bytes()
    return head + b"\r\n" + part


def nested(address: str) -> bytes:
    """A virus scanner put a note around it."""
    head, _, body = postfix(address).partition(b"\r\n\r\n")
    inner = b"Content-Type: multipart/report; report-type=delivery-status; boundary=b1\r\n\r\n"
    return (
        head.replace(b"multipart/report; report-type=delivery-status", b"multipart/mixed").replace(
            b'"b1"', b'"outer"'
        )
        + b"\r\n\r\n--outer\r\n"
        + inner
        + body
        + b"\r\n--outer\r\nContent-Type: text/plain\r\n\r\nScanned.\r\n--outer--\r\n"
    )


def truncated(address: str) -> bytes:
    """Cut off in the middle of what it returns."""
    whole = postfix(address)
    return whole[: whole.index(b"Undelivered Message") + 20]


def international(address: str) -> bytes:
    """RFC 6533."""
    return (
        postfix(address)
        .replace(b"message/delivery-status", b"message/global-delivery-status")
        .replace(b"rfc822;", b"utf-8;")
    )


def several_recipients(address: str) -> bytes:
    """It went on to others, of whom one has it."""
    other = (
        "Final-Recipient: rfc822; other@example.test\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\n"
    )
    return dsn(address, "5.1.1", extra=other)


def forwarded(address: str) -> bytes:
    """Only the address it was forwarded to is named."""
    return dsn("elsewhere@example.test", "5.1.1")


GONE: dict[str, Callable[[str], bytes]] = {
    each.__name__: each
    for each in (
        postfix,
        postfix_headers_only,
        exim_text,
        exchange,
        qmail,
        gmail,
        sendmail_group_at_end,
        opensmtpd,
        lower_case_fields,
        bare_line_feeds,
        odd_characters,
        base64_text,
        nested,
        truncated,
        international,
        several_recipients,
        forwarded,
    )
}
"""Each says that the mailbox does not exist."""


def vacation(address: str) -> bytes:
    return (
        f"From: {address}\r\nAuto-Submitted: auto-replied\r\nSubject: Out of office\r\n\r\n"
        f"I am away until Monday. Undeliverable? No. My {CANARY} keeps me.\r\n"
    ).encode()


def receipt(address: str) -> bytes:
    return (
        f"From: {address}\r\n"
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt was displayed.\r\n"
        "--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
        f"Final-Recipient: rfc822;{address}\r\n"
        "Disposition: manual-action/MDN-sent-manually; displayed\r\n--b--\r\n"
    ).encode()


def letter_of_a_person(address: str) -> bytes:
    return (
        f"From: {address}\r\nSubject: Re: A note\r\n\r\nThank you. Is {CANARY} bad? 550 5.1.1\r\n"
    ).encode()


def complaint(
    returned: str, kind: str = "abuse", address: str = "", return_path: str = ""
) -> bytes:
    """A complaint (RFC 5965) that returns these headers, with or without the address."""
    fields = f"Feedback-Type: {kind}\r\nUser-Agent: Feedback/1.0\r\nVersion: 1\r\n"
    if return_path:
        fields += f"Original-Mail-From: <{return_path}>\r\n"
    if address:
        fields += f"Original-Rcpt-To: <{address}>\r\n"
    return (
        "From: staff@feedback.test\r\nTo: abuse@riverside.test\r\n"
        "Subject: complaint\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is a report of abuse.\r\n"
        f"--b\r\nContent-Type: message/feedback-report\r\n\r\n{fields}\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{returned}\r\n--b--\r\n"
    ).encode()
