#!/bin/sh
# Starts PostgreSQL of docker-compose.yml with what is given: nobody connects without a password, over the network
# nobody without TLS.
set -eu
hba=$(mktemp)
cat >"$hba" <<END
local   all all      scram-sha-256
hostssl overgang all all scram-sha-256
END
exec docker-entrypoint.sh postgres --hba_file="$hba" "$@"
