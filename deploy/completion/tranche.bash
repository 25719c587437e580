# bash completion for tranche(1): verbs, options, and names that the driver
# knows (jobs, tables' jobs, executors), if it answers within a second.

_tranche_first="run submit plan job executor table cluster help"
_tranche_job="--offsets --tz --clamp --brokers --property --property-file
  --isolation --max-range --max-rate --lanes --memory --timeout --max-attempts
  --name"
_tranche_driver="--json --driver --config --set --insecure"

# Options of a verb of one or two words.
_tranche_options() {
  case "$1" in
    "run") echo --slots --data --json --config $_tranche_job ;;
    "submit") echo --detach --weight $_tranche_job $_tranche_driver ;;
    "plan") echo --local $_tranche_job $_tranche_driver ;;
    "job list") echo --active $_tranche_driver ;;
    "job logs") echo --follow $_tranche_driver ;;
    "job show" | "job cancel" | "executor list" | "executor drain")
      echo $_tranche_driver ;;
    "table get") echo --csv $_tranche_driver ;;
    "table scan") echo --prefix --limit --csv $_tranche_driver ;;
    "cluster init") echo --dir --driver-host --port --days --json ;;
    "cluster add-executor") echo --host --dir --port --days --json ;;
  esac
  echo --help
}

_tranche_second() {
  case "$1" in
    job) echo list show logs cancel ;;
    executor) echo list drain ;;
    table) echo get scan ;;
    cluster) echo init add-executor ;;
  esac
}

# The second column of a list, without its heading.
_tranche_names() {
  tranche "$1" list -s timeout=1s 2>/dev/null |
    awk 'NR > 1 && !seen[$2]++ { print $2 }'
}

_tranche() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  local verb=${COMP_WORDS[1]} at=2
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W \
      "$_tranche_first --version --help" -- "$cur")
    return
  fi
  local second
  second=$(_tranche_second "$verb")
  if [ -n "$second" ]; then
    if [ "$COMP_CWORD" -eq 2 ]; then
      mapfile -t COMPREPLY < <(compgen -W "$second" -- "$cur")
      return
    fi
    verb="$verb ${COMP_WORDS[2]}"
    at=3
  fi
  case "$prev" in
    --config | -c | --property-file | -F)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --data | --dir)
      mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    --isolation)
      mapfile -t COMPREPLY < <(compgen -W \
        "read_committed read_uncommitted" -- "$cur"); return ;;
    --offsets | -o)
      mapfile -t COMPREPLY < <(compgen -W "start:end" -- "$cur"); return ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_tranche_options "$verb")" -- "$cur")
    return
  fi
  [ "$COMP_CWORD" -eq "$at" ] || return
  case "$verb" in
    run | submit | plan)
      mapfile -t COMPREPLY < <(compgen -f -X '!*.lua' -- "$cur"; compgen -d -- "$cur") ;;
    "job show" | "job logs" | "job cancel" | "table get" | "table scan")
      mapfile -t COMPREPLY < <(compgen -W "$(_tranche_names job)" -- "$cur") ;;
    "executor drain")
      mapfile -t COMPREPLY < <(compgen -W "$(_tranche_names executor)" -- "$cur") ;;
  esac
}

complete -o filenames -F _tranche tranche
