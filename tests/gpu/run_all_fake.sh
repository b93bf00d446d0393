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

# row NAME VERDICT TEXT: is in the table
row()
{
    awk -F '|' -v name=" $1 " -v verdict=" $2 " -v text="$3" '
        index($2, name) == 1 && index($4, verdict) == 1 && index($3, text) { found = 1 }
        END { exit !found }' "$place/said" || fail "no row '$1' with '$2', '$3'"
}

# A stand-in for compute-sanitizer, too: with $FOUND it finds so many errors in one of six
# calls, is without a device in another, and breaks down in a third.
mkdir "$place/bin"
cat >"$place/bin/compute-sanitizer" <<'EOF'
#!/bin/sh
echo "========= ERROR SUMMARY: ${FOUND:-0} errors"
[ -n "${FOUND:-}" ] || exit 0
case "$2 $*" in
racecheck*detect_st*) exit "$4" ;;
memcheck*detect_st*) exit 77 ;;
memcheck*train_cuda_test*) exit 3 ;;
esac
EOF
chmod +x "$place/bin/compute-sanitizer"

# And one for PyTorch, if there is none: the comparison has the rows $ROWS and ends with $PEERS.
python=$(command -v python3)
[ ! -e "$build/peers/venv/bin/python" ] || python=
if [ -n "$python" ]; then
    cat >"$place/bin/python3" <<EOF
#!/bin/sh
case "\$*" in
'-c import numpy, torch') exit 0 ;;
*compare.py*) ;;
*) exec "$python" "\$@" ;;
esac
for csv; do :; done # the last word
echo kind,network,lattice,batch,archc_us_median,ratio_median,best,difference >"\$csv"
[ -z "\${ROWS:-}" ] || echo "\$ROWS" >>"\$csv"
exit "\${PEERS:-0}"
EOF
    chmod +x "$place/bin/python3"
fi
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

[ -z "$python" ] || row 'archc and PyTorch' 'not run' 'nothing was compared'

# A test that fails; a comparison that does; a time that is over.
export FAKE_CUDA_FAIL=cuLaunchKernel=719@2 PEERS=3
ends 1 run "$build"
says '| FAILED  |' '0 of 2, failed: cuda.gpu.count_eq3 cuda.gpu.count_st3'
if [ -n "$python" ]; then
    row measure FAILED 'exit 1: measure: '
    row peers FAILED 'exit 3'
fi
unset FAKE_CUDA_FAIL PEERS
export FOUND=2 ROWS=step,count_eq3,4x4,3,1,2,eager,1e-7
ends 1 run "$build"
row 'racecheck, detect_st' FAILED ' 2 errors'
row 'memcheck, detect_st' 'not run' ' 2 errors'
row 'memcheck, train' FAILED 'exit 3: '
[ -z "$python" ] || row 'archc and PyTorch' ok 'the same outputs'
unset FOUND ROWS
export ARCHC_GPU_SECONDS=0
ends 1 run "$build"
says '0 of 2, not run: cuda.gpu.count_eq3' '| not run |'
[ -z "$python" ] || row 'archc and PyTorch' 'not run' 'nothing was compared' # not those before
