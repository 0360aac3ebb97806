#!/bin/sh
# Starts a broker of docker-compose.yml: NODE is its number, CLUSTER_ID the cluster's, SECRETS where kafka-NODE.pem
# (key and certificate), ca.pem and one NAME.password for each user are. Users are made when the data directory is first
# formatted; later changes: runbooks/rotate-keys-and-certificates.md.
set -eu
umask 077
here=$(dirname "$0")
kafka=${KAFKA_HOME:-/opt/kafka}
properties=$(mktemp)
login=org.apache.kafka.common.security.scram.ScramLoginModule

cat "$here/broker.properties" - >"$properties" <<END
node.id=$NODE
advertised.listeners=CLIENTS://kafka-$NODE:9092
ssl.keystore.location=$SECRETS/kafka-$NODE.pem
ssl.truststore.location=$SECRETS/ca.pem
listener.name.clients.scram-sha-512.sasl.jaas.config=$login required username="broker" password="$(cat "$SECRETS/broker.password")";
END

set --
for file in "$SECRETS"/*.password; do
    set -- "$@" --add-scram "SCRAM-SHA-512=[name=$(basename "$file" .password),password=$(cat "$file")]"
done
"$kafka/bin/kafka-storage.sh" format --ignore-formatted --cluster-id "$CLUSTER_ID" --config "$properties" "$@"
exec "$kafka/bin/kafka-server-start.sh" "$properties"
