#!/usr/bin/env bash
# As apache/kafka does: server.properties from the KAFKA_ variables, formatted storage, then the broker.
set -euo pipefail
properties=/opt/kafka/config/server.properties
while IFS='=' read -r name value; do
    case $name in KAFKA_HEAP_OPTS | KAFKA_OPTS) continue ;; esac
    key=${name#KAFKA_}
    printf '%s=%s\n' "$(tr 'A-Z_' 'a-z.' <<< "$key")" "$value"
done < <(env | grep '^KAFKA_') > "$properties"
read -ra options <<< "${KAFKA_HEAP_OPTS:--Xmx512m} ${KAFKA_OPTS:-}"
java=(java "${options[@]}" -cp '/opt/kafka/libs/*')
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted --cluster-id "$CLUSTER_ID" --config "$properties"
exec "${java[@]}" kafka.Kafka "$properties"
