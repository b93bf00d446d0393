#!/bin/sh
# sanitize.sh ARCHC CC LIBRARIES SOURCES FILE.arch.. - check_model and check_calls with the
# kernels under AddressSanitizer and UBSan.  Buffers are exactly as large as the model asks
# for, and `work` begins as NaN.  LIBRARIES and SOURCES: one argument each, words inside.
set -u
archc=$1 cc=$2 libraries=$3 sources=$4
shift 4
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
san='-fsanitize=address,undefined -fno-sanitize-recover=all -g -O1'
failures=0

for program in check_model check_calls; do
    own=
    [ $program = check_calls ] && own="$sources/calls.c $sources/calls_shards.c"
    "$cc" -std=c17 -D_POSIX_C_SOURCE=200809L $san $sources/$program.c $own \
        $sources/check.c $sources/judge.c $sources/load.c $sources/exact.c -I$sources \
        -I$sources/../../compiler -I$sources/../../compiler/emit/prelude $libraries \
        -lm -ldl -o "$dir/$program" || exit 1
done
export ASAN_OPTIONS=detect_leaks=0
for file; do
    for precision in f32 f64; do
        own=$dir/one
        rm -rf "$own"
        "$archc" "$file" --precision=$precision -o "$own" || exit 1
        name=$(basename "$own"/*.c .c)
        "$cc" -std=c11 $san -fPIC -shared "$own/$name.c" -o "$own/$name.so" -lm || exit 1
        for program in "check_model -lattice 8x8,5x3,1x1" check_calls; do
            "$dir"/$program "$file" "$own/$name.so" "$name" || {
                echo "FAILED $program $name"
                failures=$((failures + 1))
            }
        done
    done
done
[ $failures = 0 ]
