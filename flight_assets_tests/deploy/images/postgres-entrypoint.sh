#!/usr/bin/env bash
# As the image postgres does: an empty folder becomes a cluster, in which the SQL files run once. Then the server.
# Its socket is in /tmp, because Podman lays a folder of its own over /var/run when the root is read-only.
set -euo pipefail
export PGHOST=/tmp
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    read -ra options <<< "${POSTGRES_INITDB_ARGS:-}"
    initdb --pgdata "$PGDATA" --username postgres --pwfile "$POSTGRES_PASSWORD_FILE" "${options[@]}"
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    pg_ctl --pgdata "$PGDATA" --wait --options "-c listen_addresses='' -c unix_socket_directories=/tmp" start
    for file in /docker-entrypoint-initdb.d/*.sql; do
        psql --set ON_ERROR_STOP=1 --no-password --username postgres --file "$file"
    done
    pg_ctl --pgdata "$PGDATA" --wait stop
fi
exec "$@" -c "listen_addresses=*" -c unix_socket_directories=/tmp
