#!/bin/sh
# lint.sh ARCHC CC OPTION FILE.arch.. - what archc prints compiles without a warning, its header
# also as C++, and exports nothing but NAME_*.  Two models, and two precisions of one, go
# into one program.  77: there is no such compiler.
set -u
archc=$1 cc=$2 option=$3
shift 3
command -v "$cc" >/dev/null || { echo "$cc is not here"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failures=0
fail() {
    echo "FAILED $*"
    failures=$((failures + 1))
}
flags='-Wall -Wextra -Werror'
calls='' declared=''

for file; do
    for precision in f32 f64; do
        own=$dir/one
        rm -rf "$own"
        "$archc" "$file" --precision=$precision -o "$own" || { fail "archc $file"; continue; }
        name=$(basename "$own"/*.c .c)
        "$cc" -std=c11 $flags $option -fPIC -c "$own/$name.c" -o "$dir/$name.o" ||
            fail "$cc $name.c"
        "$cc" -std=c11 $flags -pedantic -fsyntax-only -x c "$own/$name.h" || fail "$cc $name.h"
        "$cc" -x c++ -std=c++17 $flags -fsyntax-only "$own/$name.h" || fail "C++ $name.h"
        stray=$(nm -g --defined-only "$dir/$name.o" | awk '{print $3}' | grep -v "^${name}_")
        [ -z "$stray" ] || fail "$name exports" $stray
        cp "$own/$name.h" "$dir"
        declared="$declared#include \"$name.h\"
"
        calls="$calls    models += ${name}_model()->abi == ARCH_ABI;
"
    done
done

cat >"$dir/all.c" <<END
$declared
int main(void)
{
    int models = 0;
$calls
    return models != 2 * $#;
}
END
"$cc" -std=c11 $flags "$dir"/*.c "$dir"/*.o -o "$dir/all" -Wl,--no-undefined -lm ||
    fail "linking all models into one program"
"$dir/all" || fail "the program of all models"
echo "$# networks with $cc, $failures failures"
[ $failures = 0 ]
