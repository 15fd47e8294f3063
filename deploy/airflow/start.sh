#!/usr/bin/env bash
# Becomes a command of Airflow. After `db migrate` the users get the passwords of the secret.
set -euo pipefail
umask 077
if [ "$*" = "db migrate" ]; then
    /opt/airflow/bin/airflow db migrate
    exec /opt/airflow/bin/python /etc/flights/airflow/users.py /run/secrets/airflow_passwords "$AIRFLOW_USERS"
fi
# The DAGs' tasks are `flights` commands, which find Dagster's storage through its configuration.
flights service configure
exec /opt/airflow/bin/airflow "$@"
