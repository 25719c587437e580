#!/usr/bin/env bash
# Runs every command of the documents: all blocks fenced with ```sh, in their
# order, each document in a folder of its own that holds the examples.
#
#   docs_commands.sh BIN_DIR DOCUMENT…
#
# An embedded broker stands in for the one that the documents call kafka:9092.
# Blocks that are not commands are fenced with text, lua, ini, json or c. A
# document's last commands may leave daemons running in its folder: those whose
# pid it wrote to *.pid are ended here.
set -eu
# The documents use fixed ports: give them a network of their own.
if [ "$(id -u)" = 0 ] && [ -z "${TRANCHE_DOCS_NET:-}" ]; then
  TRANCHE_DOCS_NET=own exec unshare -n bash -c \
    'ip link set lo up && exec "$0" "$@"' "$0" "$@"
fi
bin=$1
shift
root=$PWD
work=$(mktemp -d "${TMPDIR:-/tmp}/tranche-docs-XXXXXX")
broker=

cleanup() {
  local f
  for f in "$work"/*/*.pid; do
    [ -e "$f" ] && kill "$(cat "$f")" 2>/dev/null || true
  done
  [ -n "$broker" ] && kill "$broker" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

mkfifo "$work/stdin"
"$bin/tranche-demo-broker" --generate 20000 <>"$work/stdin" >"$work/broker" &
broker=$!
for _ in $(seq 200); do
  grep -q '^ready' "$work/broker" && break
  kill -0 "$broker" || { echo "the demo broker ended"; exit 1; }
  read -r -t 0.05 <>"$work/stdin" || true
done
bootstrap=$(sed -n 's/^bootstrap=//p' "$work/broker")

blocks() { # DOCUMENT: the text of its sh blocks
  awk '/^```sh$/ { on = 1; next } /^```/ { on = 0; next } on' "$1"
}

bad=0 ran=0
for doc in "$@"; do
  if grep -nE '^```[a-z]' "$doc" | grep -vE '```(sh|text|lua|ini|json|c|console)$'; then
    echo "^ $doc: fence it as sh (run by this test), text, lua, ini, json or c"
    bad=1
  fi
  blocks "$doc" | sed "s/kafka:9092/$bootstrap/g" >"$work/commands"
  [ -s "$work/commands" ] || continue
  dir=$work/$(basename "$doc" .md)
  mkdir -p "$dir"
  cp "$root"/docs/examples/*.lua "$dir/"
  printf '== %s: %s lines of commands\n' "$doc" "$(grep -c . "$work/commands")"
  ran=$((ran + 1))
  if ! (cd "$dir" && PATH="$bin:$PATH" HOME="$dir" timeout 120 \
      bash -eu -o pipefail -x "$work/commands") >"$work/out" 2>&1; then
    tail -n 40 "$work/out"
    echo "^ $doc: a command failed"
    bad=1
  fi
done
echo "$ran documents with commands"
exit $bad
