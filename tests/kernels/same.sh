#!/bin/sh
# same.sh ARCHC GENERATED FILE.arch.. - two runs of archc print the same bytes, from whatever
# folder, and those committed in GENERATED are the bytes of today.  If they are meant to
# differ: cmake --build build --target regenerate
set -u
archc=$1 generated=$2
shift 2
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failures=0
for file; do
    for precision in f32 f64; do
        "$archc" "$file" --precision=$precision -o "$dir/1" &&
            (cd "$(dirname "$file")" &&
                "$archc" "$(basename "$file")" --precision=$precision -o "$dir/2") ||
            failures=$((failures + 1))
    done
done
diff -rq "$dir/1" "$dir/2" || failures=$((failures + 1))
committed=0
for file in "$generated"/*.c "$generated"/*.h "$generated"/*.cu; do
    cmp "$file" "$dir/1/$(basename "$file")" || failures=$((failures + 1))
    committed=$((committed + 1))
done
echo "$# networks twice, $committed committed files, $failures differ"
[ $failures = 0 ] && [ $committed -ge 6 ]
