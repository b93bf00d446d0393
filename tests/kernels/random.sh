#!/bin/sh
# random.sh BIN [COUNT [FIRST]] - COUNT random networks, seeds FIRST, FIRST + 1, ..: archc, a
# C compiler, and the result against the oracle; its CUDA text likewise, on the CPU.  A seed draws its compiler, its optimisation
# and its precision.  What fails is printed with its .arch.
#
#     tests/kernels/random.sh build/bin 1000 5000
set -u
bin=$1 count=${2:-40} first=${3:-1000}
shim=$(dirname "$0")/cuda/shim.h
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# One in three also on CUDA.
cuda() {
    gcc -x c -std=c11 -Wall -Wextra -Werror -O1 -fPIC -shared -include "$shim" \
        "$own/$name.cu" -o "$own/cuda.so" -lm &&
        timeout 60 "$bin/check_cuda" "$lattice" "$own/net.arch" "$own/net.so" $name \
            "$own/cuda.so"
}

one() {
    seed=$1
    cc=gcc
    [ $((seed % 2)) = 1 ] && command -v clang >/dev/null && cc=clang
    case $((seed / 2 % 3)) in 0) opt=-O0 ;; 1) opt=-O2 ;; *) opt=-O3 ;; esac
    name=random_$seed precision=f32
    [ $((seed / 6 % 2)) = 1 ] && name=random_${seed}_f64 precision=f64
    own=$dir/$seed
    mkdir "$own"
    "$bin/print_random" "$seed" >"$own/net.arch"
    lattice=$(sed -n '1s/# lattice //p' "$own/net.arch")
    [ "$lattice" = - ] && lattice=1
    {
        "$bin/archc" "$own/net.arch" --precision=$precision -o "$own" &&
            $cc -std=c11 -Wall -Wextra -Werror $opt -fPIC -shared "$own/$name.c" \
                -o "$own/net.so" -lm &&
            timeout 60 "$bin/check_model" -lattice "$lattice" "$own/net.arch" \
                "$own/net.so" $name &&
            { [ $((seed % 3)) != 0 ] || cuda; }
    } >"$own/log" 2>&1 && : >"$own/passed" || {
        echo "FAILED seed $seed, $cc $opt, $precision"
        cat "$own/net.arch" "$own/log"
    }
    rm -f "$own/net.so" "$own/cuda.so"
}

echo "$count random networks from seed $first"
last=$((first + count))
half() {
    seed=$1
    while [ "$seed" -lt $last ]; do
        one "$seed"
        seed=$((seed + 2))
    done
}
# Two at a time, and every compiler with every option: seeds go to whoever is odd.
half "$first" &
half $((first + 1))
wait $!
passed=$(ls "$dir"/*/passed 2>/dev/null | wc -l)
echo "$passed of $count passed"
grep -h 'NOT RUN' "$dir"/*/log | sort -u
[ "$passed" = "$count" ]
