#!/usr/bin/env bash
# As the image postgres does: an empty folder becomes a cluster, in which the SQL files run once. Then the server.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # shellcheck disable=SC2086
    initdb --pgdata "$PGDATA" --username postgres --pwfile "$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-}
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    pg_ctl --pgdata "$PGDATA" --wait --options "-c listen_addresses=''" start
    for file in /docker-entrypoint-initdb.d/*.sql; do
        psql --set ON_ERROR_STOP=1 --no-password --username postgres --file "$file"
    done
    pg_ctl --pgdata "$PGDATA" --wait stop
fi
exec "$@" -c "listen_addresses=*"
