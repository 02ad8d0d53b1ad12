# Shared by the black-box runs: a system of its own under real tools. Sourced, not run.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
COUNTERSIGN=${COUNTERSIGN:-${CARGO_TARGET_DIR:-$ROOT/target}/debug/countersign}
WORK=$(mktemp -d)
DATA=$WORK/data
UP_PID=

for program in curl grpcurl jq oathtool openssl psql zbarimg; do
  command -v "$program" >/dev/null || { echo "$program is not installed: run .ci/install" >&2; exit 1; }
done

say() { printf '   %s\n' "$*"; }
step() { printf '\n-- %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; tail -n 15 "$DATA"/logs/*.log "$WORK/up.log" >&2 2>/dev/null || true; exit 1; }

cleanup() {
  [ -n "$UP_PID" ] && kill "$UP_PID" 2>/dev/null && wait "$UP_PID" 2>/dev/null
  rm -rf "$WORK"
}
trap cleanup EXIT

# A port base that is free at this moment, so that a running `up` is left alone.
free_base() {
  local base port
  for base in $(seq 17400 40 18600); do
    for port in $(seq "$base" $((base + 9))); do
      (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue 2
    done
    echo "$base"; return
  done
  echo "no free ports" >&2; return 1
}

PORT_BASE=$(free_base)

up() { # arguments for `up`
  "$COUNTERSIGN" up --data-dir "$DATA" --port-base "$PORT_BASE" "$@" >"$WORK/up.log" 2>&1 &
  UP_PID=$!
  for _ in $(seq 600); do
    grep -q "Countersign is up" "$WORK/up.log" && break
    kill -0 "$UP_PID" 2>/dev/null || { cat "$WORK/up.log" >&2; fail "up ended by itself"; }
    sleep 0.1
  done
  grep -q "Countersign is up" "$WORK/up.log" || fail "up is not ready after a minute"
  # shellcheck disable=SC1091
  . "$DATA/env"
}

# call ADDRESS METHOD JSON [TOKEN]: prints the JSON answer; a refusal ends the script.
call() {
  local answer
  answer=$(try "$@") || fail "$2 was refused: $answer"
  printf '%s' "$answer"
}

# try ADDRESS METHOD JSON [TOKEN]: prints the answer or the refusal; the exit code tells which.
try() {
  local headers=()
  [ -n "${4:-}" ] && headers=(-H "authorization: Bearer $4")
  local answer status=0
  answer=$(grpcurl -cacert "$CA_CERT" -cert "$CONSOLE_CERT" -key "$CONSOLE_KEY" "${headers[@]}" -d "$3" "$1" "$2" 2>&1) || status=$?
  note_secrets "$3"
  [ $status != 0 ] || note_secrets "$answer"
  printf '%s' "$answer"
  return $status
}

# Notes what a message holds in fields that carry secrets. (Codes are too short to be searched for.)
note_secrets() { # JSON
  jq -r '.. | objects | to_entries[] | select(.key | test("(password|token|ticket|invitation|secretBase32|recoveryCodes?)$"; "i"))
    | .value | .. | strings | select(length >= 12) | ., gsub("[ -]"; "")' <<<"$1" >>"$WORK/secrets" 2>/dev/null || true
}

# No log line of any process holds a secret that went over the wire.
nothing_leaked() {
  [ -s "$WORK/secrets" ] || fail "no secret was noted"
  local found=0
  grep -nFf "$WORK/secrets" "$DATA"/logs/*.log >"$WORK/leaks" || found=$?
  # 1: none; 2: the logs cannot be read.
  [ $found = 1 ] || fail "secrets are in the logs, or there are none: $(cut -c1-300 "$WORK/leaks" | head -5)"
  say "none of $(sort -u "$WORK/secrets" | wc -l) secrets is in the logs"
}

# refused REASON ADDRESS METHOD JSON [TOKEN]: the call must be refused, with this reason in its ErrorInfo.
refused() {
  local reason=$1 answer; shift
  if answer=$(try "$@"); then fail "$2 was accepted, but must be refused with $reason: $answer"; fi
  grep -q "\"reason\":[[:space:]]*\"$reason\"" <<<"$answer" || fail "$2 must be refused with $reason, but: $answer"
  say "refused with $reason: $2"
}

equal() { [ "$1" = "$2" ] || fail "$3: expected '$2', got '$1'"; say "$3: $2"; }

sign_in() { # LOGIN PASSWORD [ADDRESS] → the answer of StartSignIn
  call "${3:-$IDENTITY_ADDR}" countersign.identity.v1.SignInService/StartSignIn \
    "$(jq -nc --arg login "$1" --arg password "$2" '{login: $login, password: $password, client: {address: "192.0.2.7", userAgent: "black box"}}')"
}

code() { # SECRET [SECONDS FROM NOW]
  oathtool --totp -b --now "@$(($(date +%s) + ${2:-0}))" "$1"
}

# Waits, if need be, until enough of the present 30 seconds is left for the calls that follow.
settle() { local into=$(($(date +%s) % 30)); if [ "$into" -gt 20 ]; then sleep $((31 - into)); fi; }

json() { jq -nc "$@"; }

# page <MARKDOWN: the commands of its `sh` blocks as a script. Every command must succeed - else it prints "#### failed" -, but one
# that says in a comment behind it that it is refused ("# REASON", "# refused, ..."): that one must be, with that reason.
page() {
  printf 'set -o pipefail\ntrap '\''echo "#### failed in line $LINENO: $BASH_COMMAND"'\'' ERR\n'
  awk '
    /^```sh$/ {n++; on = 1; printf "\necho \"#### block %d\"\n", n; next}
    /^```/ {on = 0}
    !on {next}
    {command = command $0 "\n"}
    /\\$/ {next}
    match($0, /# *([A-Z]+_[A-Z_]+$|refused)/) {
      reason = substr($0, RSTART); sub(/^# */, "", reason)
      if (reason ~ /^refused/) reason = "[A-Z_]*"
      printf "REFUSED=$( { %s} 2>&1 ) && echo \"#### failed: not refused\"\nprintf \"%%s\\n\" \"$REFUSED\"\n", command
      printf "grep -Eq \047\"reason\": *\"%s\"\047 <<<\"$REFUSED\" || echo \"#### failed: not refused with %s\"\n", reason, reason
      command = ""; next
    }
    {printf "%s", command; command = ""}'
}

# nothing_failed OUT: no command of a page did.
nothing_failed() {
  grep -q '^#### block' "$1" || fail "the page did not run"
  if grep -a -B 12 "^#### failed" "$1" >&2; then fail "a command of the page failed, or was not refused"; fi
}
