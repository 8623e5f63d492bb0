from django.db import migrations

# Dates are indexed by month since now, record numbers and addresses no longer: every index is
# built again in the background, and until then people are found by opening.
REBUILD = """
INSERT INTO tenancy_walk (id, organization_id, kind, subject, rank, done, total, created_at)
SELECT gen_random_uuid(), o.id, 'contacts.index', '', 20, 0,
    (SELECT count(*) FROM contacts_contact c WHERE c.organization_id = o.id), now()
FROM tenancy_organization o
WHERE EXISTS (SELECT FROM contacts_contact c WHERE c.organization_id = o.id)
"""
NOT_INDEXED = """
UPDATE contacts_fielddefinition f SET indexed = false WHERE searchable AND EXISTS
    (SELECT FROM contacts_contact c WHERE c.organization_id = f.organization_id)
"""


class Migration(migrations.Migration):
    """Apart from the change of the tables, which locks them."""

    dependencies = [
        ("contacts", "0002_imports_in_turns"),
        ("tenancy", "0002_walks"),
    ]

    operations = [
        migrations.RunSQL(REBUILD, migrations.RunSQL.noop),
        migrations.RunSQL(NOT_INDEXED, migrations.RunSQL.noop),
    ]
