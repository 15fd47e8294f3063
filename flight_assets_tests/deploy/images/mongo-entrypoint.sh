#!/usr/bin/env bash
# As the image mongo does: in an empty folder the root user is made and the scripts run once. Then the server.
set -euo pipefail
if [ ! -e /data/db/WiredTiger ]; then
    mongod --dbpath /data/db --bind_ip 127.0.0.1 --fork --logpath /tmp/mongod-init.log --pidfilepath /tmp/mongod-init.pid
    shell="mongosh --quiet --norc --host 127.0.0.1 admin"
    MONGO_ROOT_PASSWORD=$(cat "$MONGO_INITDB_ROOT_PASSWORD_FILE") $shell --eval \
        'db.createUser({user: process.env.MONGO_INITDB_ROOT_USERNAME, pwd: process.env.MONGO_ROOT_PASSWORD, roles: ["root"]})'
    for file in /docker-entrypoint-initdb.d/*.js; do $shell "$file"; done
    mongod --dbpath /data/db --shutdown
fi
exec "$@" --dbpath /data/db
