#!/usr/bin/env bash
# Runs roles.sql with the passwords that lie in the files of $PASSWORDS_DIR, as the superuser that psql's own variables name.
# The PostgreSQL image does so once, as a script of `docker-entrypoint-initdb.d`.
set -euo pipefail

# Through standard input: everybody on the machine can read arguments.
{
  for role in tenant identity mfa; do
    for suffix in _owner "" _sequencer; do
      password=$(cat "${PASSWORDS_DIR:-/etc/postgresql-passwords}/$role$suffix")
      password=${password//\\/\\\\}
      printf "\\set %s '%s'\n" "$role$suffix" "${password//\'/\'\'}"
    done
  done
  cat "${ROLES_SQL:-$(dirname "${BASH_SOURCE[0]}")/roles.sql}"
} | psql -q -X -d postgres -f -
