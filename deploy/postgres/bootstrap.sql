-- The database roles of Quarterdeck: run by the superuser, in the product's database, any number of times.
-- The passwords come as the session settings quarterdeck.{owner,app,read}_password.
--   quarterdeck_owner  owns the database and its tables; migrates; creates test databases
--   quarterdeck_app    what the product runs as; its rights on tables are granted by `manage.py provision`
--   quarterdeck_read   serves explorers; never writes
-- Extensions that the product needs are created here too, since only the superuser may (none so far).

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['owner', 'app', 'read'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'quarterdeck_' || role) THEN
            EXECUTE format('CREATE ROLE %I', 'quarterdeck_' || role);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L',
            'quarterdeck_' || role,
            current_setting('quarterdeck.' || role || '_password')
        );
    END LOOP;
    EXECUTE format('ALTER DATABASE %I OWNER TO quarterdeck_owner', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO quarterdeck_app, quarterdeck_read', current_database()
    );
END
$$;

ALTER ROLE quarterdeck_owner CREATEDB;
ALTER ROLE quarterdeck_read SET default_transaction_read_only = on;
