#!/usr/bin/env bash
# Airflow opens its file of passwords for writing, and a mounted secret is read-only.
set -euo pipefail
umask 077
install -m 0600 /run/secrets/airflow_passwords /tmp/airflow_passwords.json
# The DAGs' tasks are `flights` commands, which find Dagster's storage through its configuration.
flights service configure
exec /opt/airflow/bin/airflow "$@"
