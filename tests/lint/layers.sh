#!/usr/bin/env bash
# Dependencies point downwards only: common knows neither driver nor executor,
# these do not know each other, the pure cores know base alone, and the worker
# never meets NNG.
set -u
bad=0

# refuse FOLDER PATTERN WHY: no file in FOLDER includes PATTERN.
refuse() {
  if git ls-files -co --exclude-standard "$1/*.c" "$1/*.h" |
      xargs -r grep -nE "#include [\"<]$2" /dev/null; then
    echo "^ $1 must not include $2: $3"
    bad=1
  fi
}

refuse common '(driver|executor|tests)/' 'common is below them'
refuse driver '(executor|tests)/' 'the wire is between them'
refuse executor '(driver|tests)/' 'the wire is between them'
for core in driver/core executor/core; do
  refuse "$core" 'common/(wire|log|clock|net|kv|kafka|config|mailbox)/' \
    'cores are pure'
  refuse "$core" '(nng|librdkafka|lmdb|tranche/v1)' 'cores are pure'
done
for part in executor/worker executor/op executor/lua executor/reader; do
  refuse "$part" '(nng|common/net)' 'workers hold no NNG'
done

# The only readers of clocks; the tests' own generators may not either.
if git ls-files -co --exclude-standard 'common/*.c' 'driver/*.c' 'executor/*.c' |
    grep -v '^common/clock/' |
    xargs -r grep -nE '\b(clock_gettime|gettimeofday|time) ?\((NULL|CLOCK|&)' /dev/null; then
  echo "^ clocks are read by common/clock alone"
  bad=1
fi
exit $bad
