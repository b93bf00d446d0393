#!/bin/sh
# random.sh [-s] [-j JOBS] [-d DIR] BIN [COUNT [FIRST]] - COUNT random networks, seeds FIRST,
# FIRST + 1, ..: archc, a C compiler, and the result against the oracle; the CUDA text of some
# likewise, on the CPU.
#
#     tests/kernels/random.sh -j 2 build/bin 10000 5000
#     tests/kernels/random.sh -s -j 2 -d random build/bin 10000 20000
#
# A seed stands for a network, a lattice and batches (print_random), and for one combination
# of compiler, -O level, instruction set and precision; 36 seeds in a row have all of them.
# What fails is printed with its .arch and how to repeat it alone; what is interrupted, with
# how to go on.  DIR keeps `ran`, a line a network, and what failed, also of other seeds that
# ran there before.
#
# -s: short networks, of one to three layers, for which a C compiler needs a third of the time:
# at -O0 and -O1 for the most part, and only what is called; 108 seeds in a row have all.
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
    [ "$short" ] && opt=$(nth $((seed / 3 % 9)) -O0 -O1 -O0 -O2 -O0 -O1 -O0 -O3 -O1)
    isa=$(take "$(nth $((seed % 3)) plain avx2 avx512)" $isas)
    precision=$(nth $((seed % 2)) f32 f64)
    near= # every second or third with so little near memory that lattices are swept
    [ $((seed % 5)) -gt 2 ] && near="-DCACHE_BYTES=1500 -DSWEEP_ALLOWED=1e9"
}

# Only the kernels of one instruction set: a compiler leaves out what no table names.
only() {
    sed "/^ *\[ARCH_ISA_[A-Z0-9]*\] = {run_/{
        /_${isa}[,}]/!d
    }" "$1"
}

# The vectors of other instruction sets, and launches unless they are wanted, are not even read.
called() {
    lanes=$(case $isa in plain) echo 128 ;; avx2) echo 256 ;; avx512) echo 512 ;; esac)
    sed "/^#ifdef ARCH_X86\$/{
        N
        /---- vec$lanes:/!s/^.*\(\n.*---- vec\)/#if 0\1/
    }" | if [ $isa = plain ]; then
        cat
    else
        sed -e '/---- vec128:/i#if 0' -e '/^typedef void Kernel/i#endif'
    fi | if has_cuda; then
        cat
    else
        sed -e '/---- CUDA: where fields lie/i#if 0' -e '/^static const ArchParam param/i#endif' \
            -e '/^ *\.cuda_\(plan\|launch\) =/d'
    fi
}

# One in five also on CUDA; of short ones, one in 19: neither divides what `draw` counts by.
has_cuda() {
    every=5
    [ "$short" ] && every=19
    [ $((seed % every)) = 0 ]
}

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
        only $name.c | if [ "$short" ]; then called; else cat; fi >only.c &&
        $cc -std=c11 -Wall -Wextra -Werror -Wno-unused-function $opt $near -fPIC -shared only.c \
            -o net.so -lm &&
        timeout 300 "$bin/check_random" $isa "$lattice" "$batches" net.arch ./net.so $name &&
        { ! has_cuda || cuda; }
}

# One network, in a folder of its own; keeps the folder if it fails.
one() {
    draw
    rm -rf "$dir/${seed:?}" && mkdir "$dir/$seed" && cd "$dir/$seed" || exit 2
    "$bin/print_random" $short "$seed" >net.arch
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
            echo "alone: $self $short -d random_$seed $bin 1 $seed"
        } >report
        cat report
    fi
}

if [ "${1-}" = -one ]; then
    bin=$2 dir=$3 compilers=$4 isas=$5 short=$6 seed=$7
    one
    exit 0
fi

jobs=1 dir='' short='' keep=''
while getopts sj:d: option; do
    case $option in
    s) short=-s ;;
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
    keep="-d $dir"
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

# Lines of `ran`.
of_these() { awk -v first="$first" -v last=$last '$1 != "#" && $1 >= first && $1 < last'; }
of_others() { awk -v first="$first" -v last=$last '$1 != "#" && ($1 < first || $1 >= last)'; }
{
    echo "# 3$compilers"
    echo "# 4${short:+ -O0} -O1 -O2 -O3"
    echo "# 5 $isas"
    echo '# 6 f32 f64'
    [ ! -f "$dir/ran" ] || of_others <"$dir/ran"
} >"$dir/run" && mv "$dir/run" "$dir/ran"
passed() { of_these <"$dir/ran" | grep -c ' passed '; }
next=$first
trap 'echo "stopped; go on with: $self $short -j $jobs $keep $bin $((last - next)) $next"; exit 75' \
    INT TERM
echo "$count random networks from seed $first;$compilers, $isas"
while [ "$next" -lt $last ]; do
    end=$((next + 100 < last ? next + 100 : last))
    seq "$next" $((end - 1)) |
        xargs -P "$jobs" -n 1 "$self" -one "$bin" "$dir" "$compilers" "$isas" "$short"
    next=$end
    echo "seeds $first .. $((next - 1)): $(passed) of $((next - first)) passed"
done
[ "$count" -lt 36 ] || "$here/random_pairs.sh" 0 "$dir/ran"
[ "$(passed)" = "$count" ]
