#!/usr/bin/env bash
# Every log event stands in docs/operations.md, and nothing stands there that
# the code does not log.
set -u
bad=0
code=$(git ls-files -co --exclude-standard 'common/*.c' 'driver/*.c' 'executor/*.c' | grep -v '/core/' |
  xargs grep -hzoE '\b(tr_log_(err|warn|info|debug)|log_job)\([[:space:]]*"[a-z][a-z0-9-]+"|tr_log\([^;"]*"[a-z][a-z0-9-]+"|"(executor|job)-[a-z]+"' |
  tr '\0' '\n' | grep -oE '"[a-z0-9-]+"' | tr -d '"' | sort -u)
docs=$(sed -n '/^## Log events/,$p' docs/operations.md |
  awk -F'|' '/^\| `/ { print $2 }' | grep -oE '`[a-z0-9-]+`' | tr -d '`' | sort -u)
for e in $(comm -23 <(echo "$code") <(echo "$docs")); do
  echo "evt=$e is logged but not in docs/operations.md"; bad=1
done
for e in $(comm -13 <(echo "$code") <(echo "$docs")); do
  echo "evt=$e is in docs/operations.md but not logged"; bad=1
done
exit $bad
