from django.db import migrations

from tenancy import rls

# Tokens that somebody must all have go through the index together: a tenth to a sixth quicker.
CLAUSE = """
BEGIN
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
    dependencies = [
        ("contacts", "0005_export_progress"),
    ]

    operations = [rls.lookup_function("contacts_clause(question jsonb)", "text", CLAUSE, [])]
