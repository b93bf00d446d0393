#!/bin/sh
# archrun train|eval|predict|bench --device cuda --tf32: a network with wide layers has other
# bits, no further off than 10 bits behind the point allow, and says so; one without has the
# same; and where it means nothing it is refused.  With the folder of the stand-ins the device
# is theirs; without, a real one, or 77.
#
#     tf32.sh PATH/TO/archrun [PATH/TO/FAKES]
archrun=$1 fakes=${2-}
. "$(dirname "$0")/../run/data/world.sh"
export XDG_CACHE_HOME="$folder/cache" FAKE_CUDA_SMS=2
[ -z "$fakes" ] || export LD_LIBRARY_PATH="$fakes/run:${LD_LIBRARY_PATH-}"

cat >wide.arch <<END
model wide {
    input flux[4] on (T, X)
    Conv(1x1, 4, 32)    LeakyReLU
    Conv(1x1, 32, 32)   LeakyReLU
    GlobalAvgPool
    Linear(32, 1)
    loss MSE
}
END
sed 's/wide/narrow/; s/32/24/g' wide.arch >narrow.arch
"$archrun" bench narrow.arch --lattice 2x2 --batch 1 --bursts 1 --device cuda >out 2>err
code=$?
if [ -z "$fakes" ] && [ $code -eq 6 ]; then
    cat err
    [ -n "${ARCHC_REQUIRE_GPU-}" ] && exit 1
    exit 77
fi
[ $code -eq 0 ] || complain "bench: $(cat err)"
accept data worms --lattice 4x4 --eta 4.25 --mu 1 --worms 0,3 --samples 40 \
    --thermal 30 --between 3 --seed 1 -o data.h5

said() {
    grep -qF -- "$1" "$2" || complain "$2 has no '$1': $(cat "$2")"
}

# trained NETWORK NAME OPTION..: NAME.safetensors
trained() {
    network=$1 name=$2
    shift 2
    accept train $network.arch --data data.h5 --epochs 3 --batch 20 --device cuda "$@" \
        -o $name.safetensors
}

# loss NETWORK OPTION..: of all samples, with the weights that were found in f32
loss() {
    network=$1
    shift
    accept eval $network.arch --weights $network.safetensors --data data.h5 --json "$@"
    sed -n 's/.*"loss": \([^,]*\),.*"total": true.*/\1/p' out
}

for network in wide narrow; do
    trained $network $network
    trained $network $network.tf32 --tf32
    [ $network = narrow ] || said 'wide layers in TF32' out
    cp out $network.out
    cp err $network.err
    echo "$network cpu $(loss $network)
$network f32 $(loss $network --device cuda)
$network tf32 $(loss $network --device cuda --tf32)" >>losses
done
said 'note: wide layers of wide in TF32' wide.err
said 'note: narrow has no layer with 32 channels on both sides' narrow.err
awk '
    { loss[$1, $2] = $3 }
    END {
        off = loss["wide", "f32"] / loss["wide", "cpu"] - 1
        apart = loss["wide", "tf32"] / loss["wide", "cpu"] - 1
        print "wide: losses apart by", apart, "in TF32,", off, "without"
        ok = apart * apart > 1e-14 && apart * apart < 16e-6 && off * off < 1e-14 &&
             loss["narrow", "tf32"] == loss["narrow", "f32"] &&
             loss["narrow", "f32"] > 0
        exit !ok
    }' losses || complain "losses: $(cat losses)"

cmp -s wide.metrics.csv wide.tf32.metrics.csv && complain "wide: trained to the same losses"
cmp narrow.safetensors narrow.tf32.safetensors || complain "narrow: other weights"
grep -q TF32 narrow.out && complain "narrow: is said to be in TF32"
accept info wide.tf32.safetensors --json
said '"precision": "tf32"' out
accept info wide.safetensors --json
grep -q tf32 out && complain "f32: is said to be in TF32"

# The same bits at each call; a prediction differs, and not much.
accept predict wide.arch --weights wide.safetensors --data data.h5 --device cuda --tf32 -o p.h5
said 'wide layers of wide in TF32' err
accept predict wide.arch --weights wide.safetensors --data data.h5 --device cuda --tf32 -o q.h5
cmp p.h5 q.h5 || complain "predict: other bits at a second call"

accept bench wide.arch narrow.arch --lattice 2x2 --batch 2 --bursts 1 --device cuda --tf32 \
    --csv speed.csv --json
grep '"model": "wide"' out >lines
said '"precision": "tf32"' lines
grep '"model": "narrow"' out >lines
said '"precision": "float32"' lines
said 'wide,tf32,' speed.csv
said 'narrow,float32,' speed.csv
said 'wide layers of wide: in TF32' err
accept bench wide.arch --lattice 2x2 --batch 2 --bursts 1 --device cuda --tf32
said 'wide layers of wide: in TF32' out
accept bench wide.arch --lattice 2x2 --batch 2 --bursts 1 --device cuda --json
said '"precision": "float32"' out

# A training does not go on in another precision than it began.
"$archrun" train wide.arch --data data.h5 --epochs 1000000 --min-epochs 1000000 --device cuda \
    -o long.safetensors >out 2>err </dev/null &
for second in $(seq 60); do
    grep -q 'epoch ' err && break
    sleep 1
done
kill -TERM $!
wait $!
[ -f long.checkpoint.safetensors ] || complain "no checkpoint: $(cat err)"
"$archrun" train wide.arch --data data.h5 --epochs 1000000 --min-epochs 1000000 --device cuda \
    --tf32 -o long.safetensors >out 2>err </dev/null
[ $? -eq 2 ] || complain "it went on in TF32"
said '(precision=float32 there, precision=tf32 here)' err

weights='--weights wide.safetensors --data data.h5'
for line in "train wide.arch --data data.h5 -o no.safetensors" "eval wide.arch $weights" \
    "predict wide.arch $weights -o no.h5" "bench wide.arch --lattice 2x2"; do
    refuse 2 '--tf32 is of a CUDA device: add --device cuda' $line --tf32
    refuse 2 '--tf32 is of a CUDA device' $line --tf32 --device cpu
    refuse 2 '--tf32 is of single precision: wide_f64 is' $line --tf32 --device cuda \
        --precision f64
    if [ -n "$fakes" ]; then
        export FAKE_CUDA_MAJOR=7
        refuse 6 '--tf32: Fake 0 has no TF32, only sm_80 and later' $line --tf32 --device cuda
        unset FAKE_CUDA_MAJOR
    fi
done
verdict
