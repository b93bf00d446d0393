#!/bin/sh
# archrun info --device as a user calls it: info_device.sh ARCHRUN FAKES.
set -eu
archrun=$1
fakes=$2
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
path=${LD_LIBRARY_PATH:-}
unset CUDA_VISIBLE_DEVICES

# expect CODE LIBRARIES WORDS... -- TEXT...: info WORDS ends so with these stand-ins, and says
# each text, on whichever stream.
expect()
{
    want=$1
    export LD_LIBRARY_PATH="$fakes/$2:$path"
    shift 2
    words=
    while [ "$1" != -- ]; do
        words="$words $1"
        shift
    done
    shift
    code=0
    "$archrun" info $words >"$place/out" 2>"$place/err" || code=$?
    [ "$code" = "$want" ] || { echo "exit $code, not $want:"; cat "$place/err"; exit 1; }
    [ "$(wc -l <"$place/err")" -le 1 ] || { echo 'more than a line:'; cat "$place/err"; exit 1; }
    for text in "$@"; do
        cat "$place/out" "$place/err" | grep -qF -e "$text" ||
            { echo "no '$text' in:"; cat "$place/out" "$place/err"; exit 1; }
    done
}

# Two devices.
export FAKE_CUDA_DEVICES=2
expect 0 whole --device -- 'driver      CUDA 13.0' "NVRTC       13.0, $fakes/whole/libnvrtc.so" \
    'device 0    Fake 0 (sm_90)' 'device 1    Fake 1 (sm_90)' \
    '132 SMs at 1980 MHz, each 2048 threads, 65536 registers' \
    'shared memory 227 KiB a block, 228 KiB an SM; L2 32 MiB' 'memory 64.0 GiB, 2048 GB/s'
[ ! -s "$place/err" ] || { echo 'not silent'; exit 1; }
expect 0 whole --device --json -- '"driver": "13.0", "nvrtc": "13.0"' '"error": null' \
    '"name": "Fake 1", "arch": 90, "sms": 132' '"memory_bytes": 68719476736'
unset FAKE_CUDA_DEVICES

# No driver, an old one, one that fails, no device: the line, and what there is besides.
expect 6 junk --device -- 'driver      none' 'archrun: error: no CUDA driver (' "install NVIDIA's"
expect 6 junk --device --json -- '"driver": null' '"devices": []' '"error": "no CUDA driver ('
expect 6 old --device -- 'the CUDA driver is too old, it has no cuInit'
export FAKE_CUDA_FAIL=cuInit=100
expect 6 whole --device -- 'driver      CUDA 13.0' 'NVRTC       13.0' 'sees no device'
export FAKE_CUDA_FAIL=cuInit=803
expect 6 whole --device -- 'does not start: system has unsupported display driver'
export FAKE_CUDA_FAIL=cuDeviceTotalMem_v2=214
expect 6 whole --device -- 'does not say what device 0 is: uncorrectable ECC error'
expect 6 whole --device --json -- '"devices": []' '"error": "the CUDA driver does not say'
unset FAKE_CUDA_FAIL

# A device, and an NVRTC that is too new for its driver.
export FAKE_CUDA_DRIVER=10020
expect 6 whole --device -- 'driver      CUDA 10.2' 'NVRTC       none that suits' 'Fake 0' \
    'the driver knows CUDA 10.2, too old for the code of NVRTC'
unset FAKE_CUDA_DRIVER

# Wrong usage.
expect 2 whole -- 'info takes a FILE or --device'
expect 2 whole --device x.h5 -- 'info takes a FILE or --device'
