"""What may need somebody's attention."""

KINDS = {
    "copy_failed": "A signed copy could not be delivered",
    "form_altered": "A published form was altered in the database: nothing goes out under it",
    "record_missing": "A signature, a revocation or a dispute is gone from the database",
    "authorization_altered": "A signed authorization was altered in the database",
    "request_failed": "A request to sign could not be delivered",
    "birth_date_guessed": "Many wrong dates of birth were entered for a patient: pages are locked",
    "sum_wrong": "The parts of a mailing don't add up to its audience, or its sending stands still",
    "protection_lost": "A mail server that was protected for days suddenly is not: somebody may be"
    " in between. Its patients got a link instead",
    "sender_domain": "A sender's domain no longer has the DNS records it needs: its mail waits",
    "many_opened": "A colleague opened the values of many patients within a day: see the log",
    "wrong_address": "An address belongs to somebody else, who was asked whether it is theirs",
}
"""Each kind of alert, in words."""
