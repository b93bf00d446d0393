#!/bin/sh
# tools/setup.sh where something is missing: needs.sh SETUP.  The PATH has only what each
# case puts there, so nothing is ever installed.
set -eu
setup=$1
bash=$(command -v bash)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# with PROGRAM...: the PATH of the next runs holds these.
with()
{
    rm -rf "${place:?}/bin"
    mkdir "$place/bin"
    for program in "$@"; do
        ln -s "$(command -v "$program")" "$place/bin/$program"
    done
}

# expect CODE TEXT...: the script ends so, and says each text.
expect()
{
    want=$1
    shift
    code=0
    PATH=$place/bin "$bash" "$setup" >"$place/out" 2>&1 || code=$?
    [ "$code" = "$want" ] || { echo "exit $code, not $want:"; cat "$place/out"; exit 1; }
    for text in "$@"; do
        grep -qF "$text" "$place/out" || { echo "no '$text' in:"; cat "$place/out"; exit 1; }
    done
}

# Nothing there, no apt.
with cat
expect 2 'there is no apt here' 'gcc ' 'libhdf5-dev ' 'libcmocka-dev '

# A compiler, but not the rest: what is there is not named.
with cat cc make
expect 2 'there is no apt here' 'flex ' 'bison '
! grep -qE '^ +(gcc|make) ' "$place/out" || { echo 'names what is there'; exit 1; }

# apt, but neither root nor sudo.
with cat
printf '#!%s\necho 1000\n' "$bash" >"$place/bin/id"
printf '#!%s\nexit 1\n' "$bash" >"$place/bin/apt-get"
chmod +x "$place/bin/id" "$place/bin/apt-get"
expect 2 'not root, and there is no sudo' 'flex '

# apt that fails: says what it wanted to install, and what is missing.
ln -s "$(command -v env)" "$place/bin/env"
printf '#!%s\necho 0\n' "$bash" >"$place/bin/id"
expect 2 'going to install' 'apt-get could not install everything' 'flex '

# Everything there: silent.
out=$("$bash" "$setup" 2>&1)
[ -z "$out" ] || { echo "not silent: $out"; exit 1; }
