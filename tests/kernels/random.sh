#!/bin/sh
# random.sh [-j JOBS] [-d DIR] BIN [COUNT [FIRST]] - COUNT random networks, seeds FIRST,
# FIRST + 1, ..: archc, a C compiler, and the result against the oracle; the CUDA text of some
# likewise, on the CPU.
#
#     tests/kernels/random.sh -j 2 build/bin 10000 5000
#
# A seed stands for a network, a lattice and batches (print_random), and for one combination
# of compiler, -O level, instruction set and precision; 36 seeds in a row have all of them.
# What fails is printed with its .arch and how to repeat it alone; what is interrupted, with
# how to go on.  DIR keeps `ran`, a line a network, and what failed.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 2
self=$here/$(basename "$0")

# take WANTED HERE..: what is wanted, if it is here; else the first that is.
take() {
    wanted=$1 first=$2
    shift 2
    for name; do [ "$name" = "$wanted" ] && { echo "$wanted"; return; }; done
    echo "$first"
}
# nth I VALUE..: counted from 0.
nth() {
    shift "$1"
    echo "$2"
}

draw() {
    cc=$(take "$(nth $((seed / 2 % 2)) gcc clang)" $compilers)
    opt=$(nth $((seed / 3 % 3)) -O1 -O2 -O3)
    isa=$(take "$(nth $((seed % 3)) plain avx2 avx512)" $isas)
    precision=$(nth $((seed % 2)) f32 f64)
}

# Only the kernels of one instruction set: a compiler leaves out what no table names.
only() {
    sed "/^ *\[ARCH_ISA_[A-Z0-9]*\] = {run_/{
        /_${isa}[,}]/!d
    }" "$1"
}

# One in five also on CUDA.
cuda() {
    gcc -x c -std=c11 -Wall -Wextra -Werror -O1 -fPIC -shared -include "$here/cuda/shim.h" \
        $name.cu -o cuda.so -lm &&
        timeout 300 "$bin/check_cuda" "$lattice" net.arch ./net.so $name ./cuda.so
}

build_and_check() {
    batches=$(sed -n 's/^# batches //p' net.arch)
    lattice=$(sed -n 's/^# lattice //p' net.arch)
    [ "$lattice" = - ] && lattice=1
    name=random_$seed
    [ $precision = f64 ] && name=${name}_f64
    "$bin/archc" net.arch --precision=$precision -o . &&
        only $name.c >only.c &&
        $cc -std=c11 -Wall -Wextra -Werror -Wno-unused-function $opt -fPIC -shared only.c \
            -o net.so -lm &&
        timeout 300 "$bin/check_random" $isa "$lattice" "$batches" net.arch ./net.so $name &&
        { [ $((seed % 5)) != 0 ] || cuda; }
}

# One network, in a folder of its own; keeps the folder if it fails.
one() {
    draw
    rm -rf "$dir/${seed:?}" && mkdir "$dir/$seed" && cd "$dir/$seed" || exit 2
    "$bin/print_random" "$seed" >net.arch
    state=failed
    build_and_check >log 2>&1 && state=passed
    ratio=$(sed -n 's/^worst ratio //p' log)
    echo "$seed $state $cc $opt $isa $precision ${ratio:--}" >>"$dir/ran"
    if [ $state = passed ]; then
        rm -r "$dir/${seed:?}"
    else
        {
            echo "FAILED seed $seed: $cc $opt $isa $precision"
            cat net.arch log
            echo "alone: $self -d random_$seed $bin 1 $seed"
        } >report
        cat report
    fi
}

if [ "${1-}" = -one ]; then
    bin=$2 dir=$3 compilers=$4 isas=$5 seed=$6
    one
    exit 0
fi

jobs=1 dir=
while getopts j:d: option; do
    case $option in
    j) jobs=$OPTARG ;;
    d) dir=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || { sed -n '2,4s/^# //p' "$0"; exit 2; }
bin=$(cd "$1" && pwd) || exit 3
count=${2:-200} first=${3:-1000} last=$((${3:-1000} + ${2:-200}))
if [ "$dir" ]; then
    mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || exit 3
else
    dir=$(mktemp -d) || exit 3
    trap 'rm -rf "$dir"' EXIT
fi

compilers=
for cc in gcc clang; do
    if command -v $cc >/dev/null; then
        compilers="$compilers $cc"
    else
        echo "NOT RUN: $cc, which is not here; the other compiler in its place"
    fi
done
[ "$compilers" ] || exit 6
isas=$("$bin/check_random" | tr '\n' ' ')
for isa in plain avx2 avx512; do
    case " $isas" in
    *" $isa "*) ;;
    *) echo "NOT RUN: $isa, which this machine has not; plain in its place" ;;
    esac
done

{
    echo "# 3$compilers"
    echo '# 4 -O1 -O2 -O3'
    echo "# 5 $isas"
    echo '# 6 f32 f64'
} >"$dir/ran"
passed() { grep -c ' passed ' "$dir/ran"; }
next=$first
trap 'echo "stopped; go on with: $self -j $jobs $bin $((last - next)) $next"; exit 75' INT TERM
echo "$count random networks from seed $first;$compilers, $isas"
while [ "$next" -lt $last ]; do
    end=$((next + 20 < last ? next + 20 : last))
    seq "$next" $((end - 1)) |
        xargs -P "$jobs" -n 1 "$self" -one "$bin" "$dir" "$compilers" "$isas"
    next=$end
    echo "seeds $first .. $((next - 1)): $(passed) of $((next - first)) passed"
done
[ "$count" -lt 36 ] || "$here/random_pairs.sh" 0 "$dir/ran"
[ "$(passed)" = "$count" ]
