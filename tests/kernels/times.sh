#!/bin/sh
# times.sh ARCHC CC FILE.arch.. - milliseconds of archc, seconds of CC -O2, for each network.
set -eu
archc=$1 cc=$2
shift 2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
now() { date +%s%N; }
printf '%-24s %10s %10s\n' network 'archc ms' 'cc -O2 s'
for file; do
    rm -rf "$dir/one"
    start=$(now)
    "$archc" "$file" -o "$dir/one"
    middle=$(now)
    "$cc" -std=c11 -O2 -c "$dir"/one/*.c -o "$dir/model.o"
    end=$(now)
    name=$(basename "$dir"/one/*.c .c)
    echo "$name $((middle - start)) $((end - middle))" |
        awk '{printf "%-24s %10.1f %10.2f\n", $1, $2 / 1e6, $3 / 1e9}'
done
