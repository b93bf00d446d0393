#!/bin/sh
# Installs a build, then builds and runs a project that knows only where: install.sh BUILD CC.
set -eu
build=$1 compiler=$2
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

cmake --install "$build" --prefix "$place/first" >/dev/null
# An installed tree can be moved.
mv "$place/first" "$place/archc"
export XDG_CACHE_HOME="$place/cache"
flags=
# The library of a sanitizer build needs its sanitizer.
grep -q '^CMAKE_C_FLAGS:.*-fsanitize' "$build/CMakeCache.txt" && flags=-fsanitize=address,undefined
grep -q '^CMAKE_C_FLAGS:.*--coverage' "$build/CMakeCache.txt" && flags=--coverage
cmake -S "$here/project" -B "$place/build" -DCMAKE_PREFIX_PATH="$place/archc" \
    -DCMAKE_C_COMPILER="$compiler" -DCMAKE_C_FLAGS="$flags" >/dev/null
cmake --build "$place/build"
"$place/build/mine"

# The installed archrun finds the installed archc.
"$place/archc/bin/archrun" info "$here/project/parity.arch"
