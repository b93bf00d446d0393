#!/bin/sh
# run_all.sh where there is no device, and on the stand-ins, which are a processor:
# run_all_fake.sh BUILD FAKES.  What it prints, and how it ends.
set -u
build=$1
fakes=$2
run=$(dirname "$0")/run_all.sh
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export OUT="$place/out" ARCHC_GPU_TINY=1 FAKE_CUDA_SMS=2
export ARCHC_GPU_SECONDS=500
unset ARCHC_REQUIRE_GPU FAKE_CUDA_FAIL
given=${LD_LIBRARY_PATH:-}

fail()
{
    echo "FAILED: $1"
    cat "$place/said" "$place/err" "$OUT/log.txt" 2>/dev/null
    exit 1
}

# ends CODE FAKE WORDS..: run_all.sh ends so with these stand-ins
ends()
{
    want=$1
    export LD_LIBRARY_PATH="$fakes/$2:$given"
    shift 2
    sh "$run" "$@" >"$place/said" 2>"$place/err"
    code=$?
    [ "$code" = "$want" ] || fail "exit $code, not $want: run_all.sh $*"
}

# says TEXT..: in what was printed
says()
{
    for text in "$@"; do
        grep -qF -e "$text" "$place/said" || fail "no '$text'"
    done
}

one_line()
{
    [ "$(cat "$place/said" "$place/err" | wc -l)" = 1 ] || fail 'not one line'
}

# No device: one line, and no table.
ends 77 junk "$build"
one_line
says 'run_all: no device: no CUDA driver ('
export ARCHC_REQUIRE_GPU=1
ends 1 junk "$build"
unset ARCHC_REQUIRE_GPU
ends 3 run "$place"
grep -q 'is no build with tests' "$place/err" || fail 'another word on what is no build'

# A stand-in for compute-sanitizer, too, which finds what $FOUND says in one of six calls.
mkdir "$place/bin"
cat >"$place/bin/compute-sanitizer" <<'EOF'
#!/bin/sh
echo "========= ERROR SUMMARY: ${FOUND:-0} errors"
case "$2 $*" in racecheck*detect_st*) [ -z "${FOUND:-}" ] || exit "$4" ;; esac
EOF
chmod +x "$place/bin/compute-sanitizer"
PATH="$place/bin:$PATH"

# All of it, on a processor.  Every row has ten columns, or three.
ends 0 run "$build"
says 'device: Fake 0 (sm_90, 2 SMs' '| cuda.gpu ' '| 2 of 2 ' '| worms, 4x4 ' \
    '| memcheck, train ' '| racecheck, detect_st ' '| ERROR SUMMARY: 0 errors'
cmp -s "$place/said" "$OUT/table.txt" || fail 'another table in OUT'
[ -s "$OUT/log.txt" ] || fail 'no log'
awk -F '|' '/^\|/ && NF != 12 && NF != 5 { exit 1 }' "$place/said" || fail 'a crooked table'
if python3 -c 0 2>/dev/null; then
    for row in step.count_eq3.4x4.3 step.count_eq3.4x4.3.x3 forward.count_eq3.4x4.1; do
        # its operations, bytes, floor, time, and the time over the floor; a copy of the
        # stand-in's moves 2^20 bytes, read and written, in a quarter of a second
        awk -F '|' -v row=" $row " 'index($2, row) == 1 {
                for (i = 3; i <= 7; i++) good += $i > 0
                ratio = $6 / $5 / $7
                floor = 1e6 * $4 / 4194304 / $5
                if (ratio < 0.999 || ratio > 1.001 || floor < 0.999 || floor > 1.001)
                    good = 0
            }
            END { exit good != 5 }' "$place/said" || fail "no figures for $row"
    done
fi

# A test that fails; a time that is over.
export FAKE_CUDA_FAIL=cuLaunchKernel=719@2
ends 1 run "$build"
says '| FAILED  |' '0 of 2, failed: cuda.gpu.count_eq3 cuda.gpu.count_st3'
unset FAKE_CUDA_FAIL
export FOUND=2
ends 1 run "$build"
grep -q '^| racecheck, detect_st .* 2 errors .*| FAILED' "$place/said" || fail 'no hazard'
unset FOUND
export ARCHC_GPU_SECONDS=0
ends 1 run "$build"
says '0 of 2, not run: cuda.gpu.count_eq3' '| not run |'
