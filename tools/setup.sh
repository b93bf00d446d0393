#!/usr/bin/env bash
# Makes sure that what the build and the tests need is installed.
#
# With apt the missing packages are installed (through sudo when not root), without it they
# are named.  Does nothing when all is there.  Exit: 0 all there, 2 something is missing.
set -u

# One need a line: the package of Debian, what it is asked by, what it is for.
#   program NAME    a program in PATH
#   library NAME    a library that pkg-config knows
#   header NAME     a header that the C compiler finds
needs='
gcc            program cc         the C compiler, for archc and for what archc writes
libc6-dev      header  stdlib.h   the C library
cmake          program cmake      the build
make           program make       the build
flex           program flex       the scanner of the language
bison          program bison      its parser
pkg-config     program pkg-config finds libraries
libhdf5-dev    program h5cc       data sets
libjansson-dev library jansson    the header of weights files, metrics
gnuplot-nox    program gnuplot    plots
g++            program g++        tests: generated headers are valid C++
clang          program clang      tests: generated code under a second compiler
libcmocka-dev  library cmocka     tests: unit tests
'

# present KIND NAME
present()
{
    case $1 in
    program) command -v "$2" >/dev/null ;;
    library) pkg-config --exists "$2" 2>/dev/null ;;
    header) echo "#include <$2>" | cc -E -x c - >/dev/null 2>&1 ;;
    esac
}

# Prints the lines of `needs` that are not met.
missing()
{
    while read -r package kind name purpose; do
        if [ -n "$package" ] && ! present "$kind" "$name"; then
            printf '%-15s %s\n' "$package" "$purpose"
        fi
    done <<<"$needs"
}

# stop REASON LIST: says what is missing and ends.
stop()
{
    {
        echo "setup: $1; missing:"
        while read -r line; do
            echo "    $line"
        done <<<"$2"
    } >&2
    exit 2
}

list=$(missing)
[ -z "$list" ] && exit 0

command -v apt-get >/dev/null ||
    stop 'there is no apt here: install these (names as in Debian) and start again' "$list"
root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
        stop 'not root, and there is no sudo: install these and start again' "$list"
    root=sudo
fi

echo "setup: going to install from Debian's packages${root:+ (with sudo)}:" >&2
packages=()
while read -r package purpose; do
    printf '    %-15s %s\n' "$package" "$purpose" >&2
    packages+=("$package")
done <<<"$list"

# Old lists are no reason to stop: the installation below says what it cannot find.
$root apt-get update -qq >&2 || echo 'setup: apt-get update failed, going on' >&2
$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${packages[@]}" >&2 || stop 'apt-get could not install everything' "$list"

list=$(missing)
[ -z "$list" ] || stop 'apt-get ended well, and yet' "$list"
