#!/bin/sh
# Makes the topics that deploy/kafka/topics.yaml names and that Kafka does not have yet.
set -eu
file=${TOPICS:-/waypost/topics.yaml}
tool=${KAFKA_TOPICS:-/opt/kafka/bin/kafka-topics.sh}
value() { sed -n "s/^$1: *\([0-9]*\).*/\1/p" "$file"; }
settings=$(sed -n '/^settings:/,/^[a-z]*:$/s/^  \([a-z.]*\): *\([^ #]*\).*/--config \1=\2/p' "$file")
for topic in $(sed -n 's/^  - //p' "$file"); do
  # shellcheck disable=SC2086  (each setting is two words)
  "$tool" --bootstrap-server kafka:9092 --create --if-not-exists --topic "$topic" \
    --partitions "$(value partitions)" --replication-factor "$(value replication_factor)" $settings
done
