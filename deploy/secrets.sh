#!/usr/bin/env bash
# Make a folder of random secrets for docker-compose.yml: secrets.sh FOLDER. A file that is there is kept.
set -euo pipefail
folder=${1:?usage: secrets.sh FOLDER}
mkdir -p "$folder"
chmod 0700 "$folder"
put() {
    # Containers read them as users of their own; the folder keeps others on this machine out.
    [ -e "$folder/$1" ] || { printf '%s' "$2" > "$folder/$1"; chmod 0444 "$folder/$1"; }
}
for name in postgres_password mongo_root_password flights_mongo_password flights_redis_password \
    flights_metastore_db_password flights_dagster_db_password flights_airflow_password flights_webhook_key airflow_db_password airflow_api_secret airflow_jwt_secret; do
    put "$name" "$(openssl rand -hex 24)"
done
put mongo_keyfile "$(openssl rand -base64 567 | tr -d '\n')"
put airflow_fernet_key "$(openssl rand -base64 32 | tr '+/' '-_')"
put airflow_passwords "{\"admin\": \"$(openssl rand -hex 24)\", \"dashboard\": \"$(cat "$folder/flights_airflow_password")\"}"
put proxy_users "# Who may sign in at the proxy; proxy/add-user.sh adds them."
put proxy_roles "# What each of them is there: viewer, operator or admin."
key=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)
put proxy_certificate "$key
$(openssl req -x509 -key /dev/stdin -days 365 -subj /CN=flights -addext subjectAltName=DNS:localhost,IP:127.0.0.1 <<< "$key")"
put airflow_db_url "postgresql+psycopg2://airflow:$(cat "$folder/airflow_db_password")@postgres:5432/airflow"
