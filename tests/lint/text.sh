#!/usr/bin/env bash
# The project speaks of itself alone, its tests all assert, and nothing is left
# "for later" without a reason.
set -u
shopt -s lastpipe # complain() sets `bad` behind a pipe
bad=0
self=tests/lint/text.sh
list() { git ls-files -co --exclude-standard | grep -vE "^($self|LICENSE)$"; }

complain() { # WHY, lines on stdin
  local hits
  hits=$(cat)
  if [ -n "$hits" ]; then
    printf '%s\n^ %s\n' "$hits" "$1"
    bad=1
  fi
}

list | xargs grep -nIE '\b(TODO|FIXME|XXX)\b' 2>/dev/null |
  complain "say NEEDSWORK: and why, or do it"
list | grep -E '\.(c|h|sh|cmake|txt|md|proto|lua|yml)$' |
  xargs grep -nIE '(/work/|\.\./shared|shared/design|/tmp/tr/)' 2>/dev/null |
  complain "the project does not speak of the place it was made in"
list | grep -E '\.(c|h|lua|proto)$' |
  xargs grep -nP '[ \t]+$' 2>/dev/null | complain "trailing white space"
list | grep -E 'tests/.*\.c$' |
  xargs grep -nE '\b(sleep|usleep|nanosleep) ?\(' 2>/dev/null |
  grep -v 'lint: waits' | complain "tests wait for conditions, not for time"
exit $bad
