#!/usr/bin/env bash
# Every long option that PROGRAM --help names has its place in PAGE.
set -u
program=$1 page=$2
bad=0 n=0
for option in $("$program" --help | grep -oE '(^|[ ,])--[a-z][a-z-]*' |
    grep -oE '[a-z][a-z-]*' | sort -u); do
  n=$((n + 1))
  if ! grep -qF -- "\\-\\-${option//-/\\-}" "$page"; then
    echo "$page does not have --$option"
    bad=1
  fi
done
[ "$n" -ge 4 ] || { echo "$program --help names $n options"; bad=1; }
exit $bad
