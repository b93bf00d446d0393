#!/usr/bin/env bash
# From Monte Carlo data to a trained network, and to lattices it never saw.
#
# Counts open worms: data on 8x8, 4 instances of archs/task3/eq1.arch trained on 0 and 5
# worms, tested on 0 to 10 worms on 8x8, 16x16, 32x32 and 64x64.  Everything lands in demo/;
# a second run starts afresh (only a training that was stopped goes on where it was).
set -eu
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")"
./tools/setup.sh
cmake -S . -B build -DCMAKE_BUILD_TYPE=Release
cmake --build build -j "$(nproc)" --target archc archrun

archrun=build/bin/archrun
model=archs/task3/eq1.arch
trained=4.25:1,4.01:1.5   # the (eta, mu) of the training data
tested=$trained,4.04:1.25 # and one more that no network is trained on
counts=0,1,2,3,4,5,6,7,8,9,10
mkdir -p demo

# stage NAME COMMAND...: runs it and notes the seconds it took, by the wall and of the CPU.
TIMEFORMAT='%R %U %S'
times=
begin=$SECONDS
stage()
{
    local name=$1 spent
    shift
    echo "== $name" >&2
    { spent=$( { time "$@" >&3 2>&4; } 2>&1); } 3>&1 4>&2
    times+="$name;$spent"$'\n'
}

make_training_data()
{
    $archrun data worms --lattice 8x8 --at $trained --lambda 1 --worms 0,5 \
        --samples 5000 --seed 1 --overwrite -o demo/train.h5
}

# The larger the lattice, the fewer the samples: all four cost about as much as the last.
make_test_data()
{
    local lattice samples
    for lattice in 8x8:400 16x16:200 32x32:100 64x64:40; do
        samples=${lattice#*:}
        lattice=${lattice%:*}
        $archrun data worms --lattice "$lattice" --at $tested --lambda 1 --worms $counts \
            --samples "$samples" --seed 2 --overwrite -o "demo/test_$lattice.h5"
    done
}

train()
{
    $archrun train $model --data demo/train.h5 --instances 4 --epochs 300 --batch 100 \
        --seed 1 -o demo/eq1.safetensors
}

evaluate()
{
    local tests=demo/test_8x8.h5,demo/test_16x16.h5,demo/test_32x32.h5,demo/test_64x64.h5
    $archrun eval $model --weights demo/eq1.safetensors --data $tests >demo/eval.txt
    $archrun eval $model --weights demo/eq1.safetensors --data $tests --json >demo/eval.jsonl
    cat demo/eval.txt
    $archrun plot accuracy demo/eval.jsonl -o demo/accuracy.png
}

stage 'training data' make_training_data
stage 'training' train
stage 'test data' make_test_data
stage 'evaluation' evaluate

echo
echo 'stage           wall s    CPU s'
while IFS=';' read -r name spent; do
    [ -z "$name" ] || echo "$spent" | LC_ALL=C awk -v name="$name" \
        '{ printf "%-15s %6.1f   %6.1f\n", name, $1, $2 + $3 }'
done <<<"$times"
echo "together        $((SECONDS - begin))"
echo
echo 'In demo/: eval.txt (the table), accuracy.png (the plot), eq1.safetensors (the weights),'
echo '          eq1.metrics.csv (losses by epoch), train.h5 and test_*.h5 (the data)'
