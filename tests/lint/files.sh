#!/usr/bin/env bash
# The tree keeps its shape: agreed top-level folders, no grab-bags, header
# guards after the path, files that are one idea.
set -u
bad=0
odd=$(git ls-files -co --exclude-standard | cut -d/ -f1 | sort -u |
  grep -vxE 'CMakeLists\.txt|CMakePresets\.json|proto|driver|executor|common|deploy|tests|docs|README\.md|LICENSE|CONTRIBUTING\.md|\..*')
[ -n "$odd" ] && { echo "unexpected at the top level: $odd"; bad=1; }

while read -r f; do
  case "$(basename "$f")" in
    util*|helper*|common.[ch]|misc*|types.h)
      echo "$f: name files after what is in them"; bad=1 ;;
  esac
  n=$(wc -l <"$f")
  if [ "$n" -gt 1000 ]; then
    echo "$f: $n lines; split it by idea"; bad=1
  fi
  case "$f" in
    *.h)
      want="TR_$(tr 'a-z/.-' 'A-Z___' <<<"$f")"
      grep -q "^#ifndef $want\$" "$f" ||
        { echo "$f: the header guard is not $want"; bad=1; } ;;
  esac
done < <(git ls-files -co --exclude-standard '*.c' '*.h')
exit $bad
