#!/bin/sh
# archrun data and bench flux with --device cuda: the files are those of the processor, whoever
# began them; a device that is missing or fails is exit 6.  With the folder of the stand-ins
# the device is theirs; without, a real one, or 77.
#
#     data_cuda.sh PATH/TO/archrun [PATH/TO/FAKES]
archrun=$1 fakes=${2-}
. "$(dirname "$0")/../run/data/world.sh"
export XDG_CACHE_HOME="$folder/cache" FAKE_CUDA_SMS=2
path=${LD_LIBRARY_PATH-}

# use FOLDER: CUDA's libraries are those of this folder of stand-ins, if there are any.
use() {
    [ -z "$fakes" ] || export LD_LIBRARY_PATH="$fakes/$1:$path"
}

if [ -z "$fakes" ] && ! "$archrun" bench flux --lattice 4x4 --bursts 1 --chains 1 \
    --device cuda >out 2>err; then
    cat err
    [ -n "${ARCHC_REQUIRE_GPU-}" ] && exit 1
    exit 77
fi
use run

same() {
    cmp "$1" "$2" || complain "$3"
}

# Every kind of data; 130 samples are two chains, 700 are seven.
sweeps="--thermal 30 --between 3"
small="--lattice 8x8,6x5 --eta 4.25,4.01 --mu 1,1.2 --samples 130 $sweeps"
for kind in flux 'worms --worms 0,2' 'open --paths'; do
    accept data $kind $small -o cpu.h5
    accept data $kind $small --device cuda -o cuda.h5
    same cpu.h5 cuda.h5 "data $kind: another file from a device"
    accept data $kind $small --device cuda:0 --threads 1 --overwrite -o cuda.h5
    same cpu.h5 cuda.h5 "data $kind: another file from a device and one thread"
    rm cpu.h5 cuda.h5
done
for lattice in 12 4x3x2 2x3x2x3; do
    more="data flux --lattice $lattice --eta 9 --mu 0.5,1.2 --samples 700 $sweeps"
    accept $more -o cpu.h5
    accept $more --device cuda -o cuda.h5
    same cpu.h5 cuda.h5 "$lattice: another file from a device"
    rm cpu.h5 cuda.h5
done

# With pilots, which are the processor's.
pilots="data flux --lattice 6x4 --eta 4.25 --mu 0.8,1.3 --samples 120"
accept $pilots -o cpu.h5
accept $pilots --device cuda -o cuda.h5
same cpu.h5 cuda.h5 "with pilots: another file from a device"
rm cpu.h5 cuda.h5

# Stopped by a signal: either goes on from the parts of the other.  A real device takes longer
# to begin.
between=130 seconds=1
[ -n "$fakes" ] || between=400 seconds=3
long="data worms --lattice 16x16 --eta 4.25 --mu 1,1.1 --worms 0,3 --samples 150 --thermal 30
    --between $between"
stop() {
    file=$1
    shift
    "$archrun" $long "$@" -o "$file" 2>err &
    sleep $seconds
    kill -TERM $!
    wait $!
    [ $? -eq 75 ] || complain "exit $? after SIGTERM: $(cat err)"
    ls "$file".parts/*.part >list || complain "no parts after SIGTERM"
}
accept $long -o whole.h5
stop a.h5 --device cuda
accept $long -o a.h5
grep -q 'were there already' err || complain "nothing resumed on the processor: $(cat err)"
same whole.h5 a.h5 "begun on a device, ended on the processor"
stop b.h5 --threads 1
accept $long --device cuda -o b.h5
grep -q 'were there already' err || complain "nothing resumed on the device: $(cat err)"
same whole.h5 b.h5 "begun on the processor, ended on a device"

# The speed.
accept bench flux --lattice 4x4,8 --bursts 1 --chains 40 --device cuda --json
[ "$(grep -c '"chains": 40, .*"proposals_per_s": [1-9]' out)" -eq 2 ] ||
    complain "bench flux says $(cat out)"
refuse 2 "--chains is of a device" bench flux --chains 40

# What cannot be.
good="data flux --lattice 8x8 --eta 4.25 --mu 1 --samples 30 $sweeps"
refuse 2 "'gpu' is none of cpu, cuda" $good --device gpu -o no.h5
refuse 6 "there is no device 99" $good --device cuda:99 -o no.h5
refuse 2 "a flux at site (" data flux --lattice 4x4 --eta 4 --mu 2 --lambda 0.001 \
    --samples 30 --thermal 2000 --between 2 --device cuda -o no.h5
[ -n "$fakes" ] || verdict
fail() {
    FAKE_CUDA_FAIL=$1
    export FAKE_CUDA_FAIL
    refuse 6 "$2" $good --device cuda -o no.h5
    unset FAKE_CUDA_FAIL
}
fail cuInit=100 "the CUDA driver sees no device"
fail cuMemAlloc_v2=2@3 "out of memory on Fake 0"
fail cuLaunchKernel=719@2 "a kernel failed on Fake 0"
fail cuLaunchKernel=701@3 "worms_shared does not start on Fake 0"
fail cuMemcpyDtoH_v2=700@4 "a kernel failed on Fake 0"
use old
refuse 6 "the CUDA driver is too old" $good --device cuda -o no.h5
use junk
refuse 6 "no CUDA driver (" $good --device cuda -o no.h5
refuse 6 "no CUDA driver (" bench flux --device cuda

verdict
