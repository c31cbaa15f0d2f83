-- Gives the console a role of its own, `console_app`, that can read and write rows, but can't change
-- or empty tables, and can't change audit events. Run it with psql as the role that runs `migrate`,
-- which owns the tables, before the first `migrate` or at any later time. Running it again is safe:
--
--   CONSOLE_APP_PASSWORD=… psql postgresql://console@db.internal/console -f bin/database-roles.sql
--
-- If that role can't create roles, create `console_app` first, and leave the password out.

\set ON_ERROR_STOP on
\getenv password CONSOLE_APP_PASSWORD

SELECT 'CREATE ROLE console_app LOGIN' WHERE to_regrole('console_app') IS NULL \gexec
\if :{?password}
ALTER ROLE console_app PASSWORD :'password';
\endif

BEGIN;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
GRANT USAGE ON SCHEMA public TO console_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO console_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO console_app;
-- The same for tables of later migrations.
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO console_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO console_app;
-- A migration does the same for tables that don't exist yet.
SELECT format('REVOKE UPDATE, DELETE ON %I FROM console_app', name)
    FROM unnest(ARRAY['accounts_auditevent', 'accounts_auditseal']) AS name
    WHERE to_regclass(name) IS NOT NULL \gexec
COMMIT;
