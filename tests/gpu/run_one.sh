#!/bin/sh
# One test of list.sh, for run_all.sh: a line "name, tab, command", in a folder of its own; its
# name and exit code go to $work/ended.
name=${1%%"$(printf '\t')"*}
command=${1#*"$(printf '\t')"}
mkdir -p "${work:?}/tests/$name" && cd "$work/tests/$name" || exit 0
echo "ARCHC_REQUIRE_GPU=1 $command" >log
eval "set -- $command"
ARCHC_REQUIRE_GPU=1 timeout --foreground -k 5 "${limit_one:?}" "$@" >>log 2>&1
code=$?
printf '%s\t%s\n' "$name" "$code" >>"$work/ended"
[ "$code" = 0 ] || tail -3 log
exit 0
