#!/usr/bin/env bash
# The first hour with change data capture, whole: tables and a publication, a connector posted to Kafka
# Connect's REST API with curl, a topic of three partitions, and a SQL job that prints what changes. Checks
# that each row is printed once.
#
#   KAFKA_BOOTSTRAP=127.0.0.1:9092 PGHOST=127.0.0.1 PGPORT=5432 PGUSER=postgres PGPASSWORD=... ./run.sh
#
# PGDATABASE must be a database without these tables (default first_run, which is made). Needs psql and curl.
# TAILWATER names the binary, CONNECT_PORT the REST API's port (8083). SQL=CLIENT takes another client for the
# SQL file, such as Flink's: it is called with `-f FILE` and must print to PRINTED (else its standard output).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
tailwater=${TAILWATER:-tailwater}
port=${CONNECT_PORT:-8083}
export PGHOST=${PGHOST:-127.0.0.1} PGPORT=${PGPORT:-5432} PGUSER=${PGUSER:-postgres} PGDATABASE=${PGDATABASE:-first_run}
psql=${PSQL:-psql}
work=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

fail() { printf 'failed: %s\n' "$1" >&2; tail -n 20 "$work"/*.log >&2 || true; exit 1; }
# until SECONDS WHAT COMMAND...: waits until the command succeeds.
until_() {
  local end=$((SECONDS + $1)) what=$2; shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || fail "$what"
    sleep 0.1
  done
}
filled() { sed -e "s|\${PG_HOST}|$PGHOST|; s|\${PG_PORT}|$PGPORT|; s|\${PG_DATABASE}|$PGDATABASE|; s|\${KAFKA_BOOTSTRAP}|$KAFKA_BOOTSTRAP|" "$1"; }
rows() { grep -a '^first_run' "$printed" 2>/dev/null | sed -E 's/^first_run(:[0-9]+)?> (.*), [^,]*$/first_run> \2/' | LC_ALL=C sort; }
has_rows() { [ "$(rows | wc -l)" -ge "$1" ]; }
has_topic() { curl -sf "$rest/connectors/first-run/topics" | grep -q '"debezium.pg_cdc"'; }
runs() { curl -sf "$rest/connectors/first-run/status" | grep -q '"id":0,"state":"RUNNING"'; }

: "${KAFKA_BOOTSTRAP:?the Kafka brokers, host:port}"
"$psql" -qd postgres -tc "SELECT 1 FROM pg_database WHERE datname = '$PGDATABASE'" | grep -q 1 ||
  "$psql" -qd postgres -c "CREATE DATABASE $PGDATABASE"
"$psql" -q -v ON_ERROR_STOP=1 -f setup.sql

rest=http://127.0.0.1:$port
XDG_STATE_HOME=$work "$tailwater" server --connect-port "$port" --bootstrap-servers "$KAFKA_BOOTSTRAP" >"$work/server.log" 2>&1 &
pids+=($!)
until_ 20 "the server does not answer" curl -sfo /dev/null "$rest/"
filled connector.json >"$work/connector.json"
curl -sS --fail-with-body -X POST -H 'Content-Type: application/json' --data "@$work/connector.json" "$rest/connectors" >"$work/created.log" ||
  fail "the connector is refused: $(cat "$work/created.log")"
until_ 30 "the connector does not run" runs
until_ 30 "the connector writes nothing" has_topic

filled users.sql >"$work/users.sql"
printed=${PRINTED:-$work/sql.log}
XDG_STATE_HOME=$work ${SQL:-"$tailwater" sql} -f "$work/users.sql" >"$work/sql.log" 2>&1 &
pids+=($!)
until_ 90 "the rows that were there are not printed" has_rows 3
"$psql" -q -v ON_ERROR_STOP=1 -f changes.sql
until_ 30 "the changes are not printed" has_rows 6
diff <(LC_ALL=C sort expected.txt) <(rows) || fail "other rows than expected are printed"
echo "first run: all $(wc -l <expected.txt) rows printed, each once"
