#!/usr/bin/env bash
# As apache/kafka does: server.properties from the KAFKA_ variables, formatted storage, then the broker.
set -euo pipefail
properties=/opt/kafka/config/server.properties
while IFS='=' read -r name value; do
    case $name in KAFKA_HEAP_OPTS | KAFKA_OPTS | KAFKA_CLUSTER_ID) continue ;; esac
    key=${name#KAFKA_}
    printf '%s=%s\n' "$(tr 'A-Z_' 'a-z.' <<< "$key")" "$value"
done < <(env | grep '^KAFKA_') > "$properties"
java="java ${KAFKA_HEAP_OPTS:--Xmx512m} ${KAFKA_OPTS:-} -cp /opt/kafka/libs/*"
# shellcheck disable=SC2086
$java kafka.tools.StorageTool format --ignore-formatted --cluster-id "$CLUSTER_ID" --config "$properties"
# shellcheck disable=SC2086
exec $java kafka.Kafka "$properties"
