#!/bin/sh
# Puts what run_all.sh needs of a build into a folder that can be carried to another machine.
#
#     tests/gpu/pack.sh BUILD OUT [--cubins [90 [13000]]]
#
# and there: tests/gpu/run_all.sh OUT.
#
# OUT gets the programs and compiled networks that the tests of list.sh name, what the peers
# need, and in lib/ the shared libraries of all these, but for those of the C library, the
# compiler and the driver, which every machine has.  The checkout there must be the one here.
# --cubins: all kernels, by this machine's NVRTC, which takes it some minutes; a device of that
# compute capability, with that driver and the same NVRTC, takes them as they are.
set -eu
build=$(cd "${1:?usage: tests/gpu/pack.sh BUILD OUT}" && pwd)
out=${2:?usage: tests/gpu/pack.sh BUILD OUT}
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
[ -e "$build/peers/peers_cuda.so" ] || {
    echo "pack: $build has not been built with its tests" >&2
    exit 3
}
mkdir -p "$out/lib"
out=$(cd "$out" && pwd)

# carry PATH: the same place in OUT
carry()
{
    mkdir -p "$out/$(dirname "$1")"
    cp "$build/$1" "$out/$1"
}

sh "$here/list.sh" "$build" |
    sed "s|$build/|@TREE@/|g; s|$source/|@SOURCE@/|g" >"$out/gpu-tests.txt"
{
    grep -o '@TREE@/[^" ]*' "$out/gpu-tests.txt" | sed 's|@TREE@/||'
    echo bin/archc
    echo bin/archrun
    echo peers/peers_cuda.so
} | sort -u | while read -r path; do
    carry "$path"
done
find "$out" -type f ! -path '*/lib/*' -exec ldd {} + 2>/dev/null |
    awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
    grep -Ev '/(ld-linux[^/]*|lib(c|m|dl|rt|pthread|resolv|util|gcc_s|stdc\+\+|cuda|asan|ubsan))\.so[^/]*$' |
    while read -r library; do
        cp "$library" "$out/lib/"
    done
if [ "${3:-}" = --cubins ]; then
    find "$out/tests" -name 'model_*.so' -print0 |
        XDG_CACHE_HOME="$out/cache" xargs -0 -P "$(nproc)" -I '{}' \
            python3 "$here/measure.py" compile "$out" '{}' "${4:-90}" "${5:-13000}"
fi
echo "pack: $(wc -l <"$out/gpu-tests.txt") tests, $(du -sm "$out" | cut -f1) MiB in $out"
