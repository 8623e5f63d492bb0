from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.migrations import RunSQL, SeparateDatabaseAndState

from tenancy import rls

ONCE = "delivery_message_once"
# What the two foreign keys kept: nobody's messages lose their person or their mailing. Their checks,
# one for each row and key, took more of a launch than everything else; a launch writes rows only for
# contacts that it reads, of the mailing that it has locked.
CONTACTS_STAY = """
CREATE FUNCTION delivery_contacts_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM gone JOIN public.delivery_message m
            ON m.organization_id = gone.organization_id AND m.contact_id = gone.id
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'messages were sent to this contact';
    END IF;
    RETURN NULL;
END $$
"""


STAY = """
CREATE TRIGGER contacts_with_messages_stay AFTER DELETE ON contacts_contact
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION delivery_contacts_stay()
"""
MESSAGES = "ALTER TABLE delivery_message"


class Migration(migrations.Migration):
    """A message's row changes twice on its way out: no index of it names the status, and one that
    two others cover is gone."""

    atomic = False

    dependencies = [
        ("delivery", "0004_sender_domains"),
    ]

    operations = [
        AddIndexConcurrently(
            "message",
            models.Index(fields=["organization", "mailing"], name="delivery_message_of_mailing"),
        ),
        SeparateDatabaseAndState(
            [
                RunSQL(
                    f"CREATE UNIQUE INDEX CONCURRENTLY {ONCE}_new ON delivery_message"
                    " (organization_id, contact_id, mailing_id)",
                    RunSQL.noop,
                ),
                RunSQL(
                    f"ALTER TABLE delivery_message DROP CONSTRAINT {ONCE},"
                    f" ADD CONSTRAINT {ONCE} UNIQUE USING INDEX {ONCE}_new",
                    RunSQL.noop,
                ),
            ],
            [
                migrations.RemoveConstraint("message", ONCE),
                migrations.AddConstraint(
                    "message",
                    models.UniqueConstraint(
                        fields=("organization", "contact", "mailing"), name=ONCE
                    ),
                ),
            ],
        ),
        RunSQL(
            [
                f"{MESSAGES} DROP CONSTRAINT delivery_message_mailing_id_same_organization",
                f"{MESSAGES} DROP CONSTRAINT delivery_message_contact_id_same_organization",
                f"REVOKE DELETE ON delivery_mailing FROM {rls.application_role()}",
                CONTACTS_STAY,
                STAY,
            ],
            RunSQL.noop,
        ),
        RemoveIndexConcurrently("message", "delivery_message_by_status"),
        RemoveIndexConcurrently("message", "delivery_message_of_contact"),
    ]
