"""Orders that work already count as open on the books of their scopes; their worth is known from the next order on."""

from django.db import migrations

COUNT = """
    INSERT INTO risk_scopebook
        (id, created_at, scope_id, mode, gross, net, buying, selling, open_orders, pnl, pnl_at_open, pnl_peak)
    SELECT uuidv7(), now(), scope.id, account.mode, 0, 0, 0, 0, count(DISTINCT working.id), 0, 0, 0
    FROM execution_order AS working
        JOIN bots_bot AS bot ON bot.id = working.bot_id
        JOIN access_scope AS of_bot ON of_bot.id = bot.scope_id
        JOIN venues_account AS account ON account.id = working.account_id
        JOIN access_scope AS of_account ON of_account.id = account.scope_id
        JOIN venues_venue AS venue ON venue.id = account.venue_id
        JOIN markets_instrument AS instrument ON instrument.id = working.instrument_id
        JOIN access_scope AS scope ON scope.id IN (venue.scope_id, instrument.scope_id)
            OR replace(scope.id::text, '-', '') = ANY(string_to_array(of_bot.path || of_account.path, '.'))
    WHERE working.state NOT IN ('DENIED', 'NOT_SENT', 'REJECTED', 'FILLED', 'CANCELED', 'EXPIRED')
    GROUP BY scope.id, account.mode
    ON CONFLICT (scope_id, mode) DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("bots", "0001_initial"),
        ("execution", "0003_order_settlement"),
        ("markets", "0002_order_path"),
        ("risk", "0004_books_per_mode"),
        ("venues", "0002_order_path"),
    ]

    operations = [migrations.RunSQL(COUNT, migrations.RunSQL.noop)]
