#!/bin/sh
# Starts PostgreSQL of docker-compose.yml with what is given; who connects over the network must do so by TLS.
set -eu
hba=$(mktemp)
cat >"$hba" <<END
local   all all      peer
hostssl all overgang all scram-sha-256
END
exec docker-entrypoint.sh postgres --hba_file="$hba" "$@"
