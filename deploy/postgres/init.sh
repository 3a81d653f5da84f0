#!/bin/sh
# Runs once, when the database container makes a new cluster: the three roles, by bootstrap.sql.
set -eu
psql --no-psqlrc -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" <<SQL
\\getenv owner QUARTERDECK_OWNER_PASSWORD
\\getenv app QUARTERDECK_APP_PASSWORD
\\getenv read QUARTERDECK_READ_PASSWORD
SELECT set_config('quarterdeck.owner_password', :'owner', false),
       set_config('quarterdeck.app_password', :'app', false),
       set_config('quarterdeck.read_password', :'read', false) \\g /dev/null
\\i ${QUARTERDECK_BOOTSTRAP:-/quarterdeck/bootstrap.sql}
SQL
