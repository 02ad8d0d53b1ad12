#!/usr/bin/env bash
# Runs roles.sql with the passwords that lie in files: `docker-entrypoint-initdb.d` of the PostgreSQL image does so once.
set -euo pipefail

arguments=()
for role in tenant identity mfa; do
  for suffix in _owner "" _sequencer; do
    arguments+=(-v "$role$suffix=$(cat "${PASSWORDS_DIR:-/etc/postgresql-passwords}/$role$suffix")")
  done
done
psql -q "${arguments[@]}" -f "${ROLES_SQL:-$(dirname "${BASH_SOURCE[0]}")/roles.sql}"
