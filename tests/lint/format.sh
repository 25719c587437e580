#!/usr/bin/env bash
# All C files are as clang-format leaves them (.clang-format).
set -u
if ! command -v clang-format >/dev/null; then
  echo "clang-format is not installed: skipped"
  exit 77
fi
mapfile -t files < <(git ls-files -co --exclude-standard '*.c' '*.h')
if ! out=$(clang-format --dry-run -Werror "${files[@]}" 2>&1); then
  grep -E ':[0-9]+:[0-9]+: error' <<<"$out" | head -50
  echo "run: clang-format -i on these files"
  exit 1
fi
echo "${#files[@]} files"
