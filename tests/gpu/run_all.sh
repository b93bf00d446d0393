#!/bin/sh
# All that needs a device, in one command, and one table of it.
#
#     tests/gpu/run_all.sh [TREE]
#
# TREE is a build of this project with its tests, or what pack.sh has made of one; without it
# as much is built as needs no more than cmake, a C compiler and what generated/ holds: then
# there are no tests, and few networks.  Nothing is fetched.  Phases, each with its limit, all
# together at most ARCHC_GPU_SECONDS [465]: kernels, tests, our times, worms, PyTorch's,
# compute-sanitizer; and torch.compile's in what is left.
#
# The table is printed with whatever was measured.  It and all logs are in $OUT, or in
# TREE/gpu-report.  Exit code: 0; 1 if a test failed or did not come to its end, or another
# phase failed; 77 without a device (1 if ARCHC_REQUIRE_GPU is set).  ARCHC_GPU_TINY=1: lattices
# of 4x4 and few tests, for the stand-ins of fake/.
set -u
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
start=$(date +%s)
total=${ARCHC_GPU_SECONDS:-465}
tiny=${ARCHC_GPU_TINY:-}
export PYTHONDONTWRITEBYTECODE=1

work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
given=${LD_LIBRARY_PATH:-}
export XDG_CACHE_HOME="$work/cache"
mkdir "$work/tests" "$work/logs"
for file in ended results notes device plan; do
    : >"$work/$file"
done

left()
{
    echo $((total - ($(date +%s) - start)))
}

# note NAME VERDICT TEXT: a row of the table that is no time
note()
{
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$work/notes"
}

# phase NAME SECONDS COMMAND..: its log; 124 when its time, or all time, is over
phase()
{
    name=$1
    limit=$2
    shift 2
    : >>"$work/logs/$name"
    [ -z "$tiny" ] || limit=$total # a processor may be slow
    [ "$limit" -le "$(left)" ] || limit=$(left)
    [ "$limit" -gt 0 ] || return 124
    echo "run_all: $name, at most $limit s" >&2
    timeout -k 5 "$limit" "$@" >>"$work/logs/$name" 2>&1
}

# last_words NAME: of its log, an error if it has one
last_words()
{
    {
        tail -1 "$work/logs/$1"
        grep -i -e 'error: ' -e '^measure: ' "$work/logs/$1" | tail -1
    } | tail -1 | cut -c1-75 | tr '|\t' '/ '
}

# heed NAME CODE: a row if a phase failed; one whose time was over did not
heed()
{
    case $2 in
    0 | 124 | 137) ;;
    *) note "$1" FAILED "exit $2: $(last_words "$1")" ;;
    esac
}

# Whatever runs programs of TREE; python3 must not meet its libraries.
own()
{
    LD_LIBRARY_PATH="$tree/lib${path:+:$path}" CC="$work/cc" "$@"
}

# ---- what there is ----

build_what_can_be()
{
    tree=$source/build/gpu
    mkdir -p "$tree/peers/models"
    cmake "-DFILES=$source/runtime/train_kernels.h;$source/runtime/train_kernels.cu" \
        -DJOINED=train "-DOUT=$work/gpu_text.c" -DHEADER=gpu_text.h -DPREFIX=gpu_text \
        -P "$source/cmake/embed.cmake" || return
    include="-I$source/runtime -I$source/runtime/include -I$source/compiler/emit/prelude"
    # shellcheck disable=SC2086
    ${CC:-cc} -std=c17 -D_POSIX_C_SOURCE=200809L -O2 -fPIC -shared $include \
        -o "$tree/peers/peers_cuda.so" "$source/tests/peers/loop_cuda.c" \
        "$source"/runtime/gpu*.c "$work/gpu_text.c" "$source/runtime/cache.c" \
        "$source/runtime/error.c" "$source/runtime/file.c" -ldl -lm || return
    for text in "$source"/generated/*.c; do # the host's kernels are not called
        ${CC:-cc} -std=c17 -O0 -fPIC -shared "$text" \
            -o "$tree/peers/models/$(basename "$text" .c).so" -lm || return
    done
}

# The folders where PyTorch has brought an NVRTC along.
nvrtc_of_python()
{
    python3 - <<'EOF' 2>/dev/null
import glob, os, nvidia
print(":".join(sorted({os.path.dirname(found) for place in nvidia.__path__
                       for found in glob.glob(place + "/*/lib/libnvrtc.so*")})))
EOF
}

find_device()
{
    if [ -x "$tree/bin/archrun" ]; then
        own "$tree/bin/archrun" info --device
    else
        LD_LIBRARY_PATH=$path python3 "$here/measure.py" device "$tree"
    fi >"$work/logs/device" 2>&1
}

tree=${1:-}
path=$given
if [ -z "$tree" ]; then
    echo "run_all: no build given: making what needs no library" >&2
    build_what_can_be >"$work/logs/build" 2>&1 || {
        tail -3 "$work/logs/build" >&2
        exit 3
    }
fi
tree=$(cd "$tree" && pwd) || exit 3
[ -e "$tree/peers/peers_cuda.so" ] || {
    echo "run_all: $tree is no build with tests: peers/peers_cuda.so is missing" >&2
    exit 3
}
[ ! -d "$tree/cache" ] || cp -r "$tree/cache" "$work/cache"
report=${OUT:-$tree/gpu-report}
mkdir -p "$report" || exit 3
rm -f "$report"/peers*.csv # those of another run
printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec %s "$@"\n' "$given" "${CC:-cc}" >"$work/cc"
chmod +x "$work/cc"

if ! find_device; then
    more=$(nvrtc_of_python)
    path=$more${given:+:$given}
    if [ -z "$more" ] || ! find_device; then
        echo "run_all: no device: $(grep -h 'error: \|measure: ' "$work/logs/device" |
            tail -1 | sed 's/.*error: //; s/^measure: //')"
        [ -z "${ARCHC_REQUIRE_GPU:-}" ] || exit 1
        exit 77
    fi
fi
export LD_LIBRARY_PATH="$path"
python=
for candidate in "$tree/peers/venv/bin/python" python3; do
    "$candidate" -c 0 2>/dev/null && python=$candidate && break
done

# ---- what is to be measured, with its operations and bytes, before anything is ----

plan()
{
    [ -n "$python" ] || return
    phase plan 20 "$python" "$here/measure.py" plan "$tree"
    heed plan $?
    cp "$work/logs/plan" "$work/plan"
    phase peaks 30 "$python" "$here/measure.py" device "$tree"
    heed peaks $?
    cp "$work/logs/peaks" "$work/device"
}

# ---- tests ----

# All kernels of the tests and the rows, side by side: the rest finds them in the cache.
kernels()
{
    sh "$here/list.sh" "$tree" >"$work/list"
    [ -n "$python" ] && [ -z "$tiny" ] || return
    {
        grep -o '[^"]*\.so' "$work/list"
        find "$tree/peers" -name '*.so' -path '*/models/*'
    } | sort -u >"$work/models"
    phase kernels 110 xargs -r -P "$(nproc)" -n 1 "$python" "$here/measure.py" compile "$tree" \
        <"$work/models"
    heed kernels $?
}

# In groups: how many did well, which failed, which did not come to their end.
tests()
{
    if [ -n "$tiny" ]; then
        grep -E '^cuda.gpu.count_(eq|st)3' "$work/list" |
            sed 's/check_cuda_gpu "[^"]*"/check_cuda_gpu 4x4/' >"$work/few"
        mv "$work/few" "$work/list"
    fi
    jobs=$(nproc)
    [ "$jobs" -le 8 ] || jobs=8
    limit_one=80
    [ -z "$tiny" ] || limit_one=$total
    export work limit_one
    CC="$work/cc" LD_LIBRARY_PATH="$tree/lib${path:+:$path}" phase tests 90 xargs -P "$jobs" \
        -d '\n' -n 1 sh "$here/run_one.sh" <"$work/list"
    [ -s "$work/list" ] || note "tests" "not run" "they are not built"
    # Groups by the first word of the name.
    awk -F '\t' '
        FILENAME ~ /ended$/ { code[$1] = $2; next }
        {
            name = $1
            group = name
            sub(/\.[^.]*$/, "", group)
            if (!(group in all)) order[++groups] = group
            all[group]++
            if (!(name in code)) cut[group] = cut[group] " " name
            else if (code[name] == 124) bad[group] = bad[group] " " name " (hangs)"
            else if (code[name] != 0) bad[group] = bad[group] " " name
            else good[group]++
        }
        END {
            for (i = 1; i <= groups; i++) {
                group = order[i]
                verdict = "ok"
                if (cut[group] != "") verdict = "not run"
                if (bad[group] != "") verdict = "FAILED"
                printf "%s\t%s\t%d of %d", group, verdict, good[group], all[group]
                if (bad[group] != "") printf ", failed:%s", bad[group]
                if (cut[group] != "") printf ", not run:%s", cut[group]
                print ""
            }
        }' "$work/ended" "$work/list" >>"$work/notes"
    awk -F '\t' '$2 != "ok" && $1 != "tests" { n++ } END { exit n > 0 }' "$work/notes" ||
        failed=1 # those that were cut, too
}

# ---- times ----

measure()
{
    [ -n "$python" ] || return
    phase measure 50 "$python" "$here/measure.py" run "$tree"
    heed measure $?
    grep "$(printf '\t')" "$work/logs/measure" >>"$work/results"
}

# Head proposals a second, if archrun has the generator on a device.
worms()
{
    if ! own "$tree/bin/archrun" bench flux --help 2>/dev/null | grep -q -e --device; then
        note "worms" "not run" "archrun bench flux has no --device"
        return
    fi
    more='--lattice 8x8,60x4'
    [ -z "$tiny" ] || more='--lattice 4x4 --bursts 1 --chains 40'
    # shellcheck disable=SC2086
    LD_LIBRARY_PATH="$tree/lib${path:+:$path}" phase worms 25 "$tree/bin/archrun" bench flux \
        --device cuda $more --json
    code=$?
    heed worms $code
    sed -n 's/.*"lattice": \[\([0-9, ]*\)\].*"proposals_per_s": *\([0-9.eE+-]*\).*/\1|\2/p' \
        "$work/logs/worms" >"$work/rates"
    case $code in
    0 | 124 | 137)
        [ -s "$work/rates" ] || note "worms" "not run" "no rate in the log in its time"
        ;;
    esac
    while IFS='|' read -r lattice rate; do
        note "worms, $(echo "$lattice" | sed 's/, /x/g')" "$(awk -v r="$rate" \
            'BEGIN { print (r >= 5e9 ? "met" : "missed") }')" "$(awk -v r="$rate" \
            'BEGIN { printf "%.3g", r * 1e-9 }')e9 head proposals a second, of 5e9"
    done <"$work/rates"
}

# Both sides in turns.  First all rows without torch.compile, which may take minutes; what
# comes later replaces what was there.
torch=
peers()
{
    [ -n "$python" ] || return
    if ! "$python" -c 'import numpy, torch' 2>/dev/null; then
        note "PyTorch" "not run" "python3 has none"
        return
    fi
    torch=yes
    rows=$("$python" "$here/measure.py" peers)
    instances=$("$python" "$here/measure.py" many)
    seconds=1
    where=
    nets="$source/archs/task3/eq1.arch,$source/archs/task2/eq.arch,$source/archs/task1/eq.arch"
    if [ -n "$tiny" ]; then
        seconds=0.2
        where='--peer-device cpu'
        nets=$source/archs/task3/eq3.arch
    fi
    # shellcheck disable=SC2086
    phase peers 60 sh "$source/tests/peers/run.sh" "$tree" --device cuda $where --networks "$nets" \
        --only "$rows" --instances "$instances" --seconds "$seconds" --no-compile \
        --csv "$report/peers.csv"
    heed peers $?
    add_peers "$report/peers.csv"
}

# The last of all: it takes whatever time is left.
compiled()
{
    [ -n "$torch" ] && [ -z "$tiny" ] || return
    steps=$(echo "$rows" | tr , '\n' | grep '^step' | paste -sd, -)
    phase compile 130 sh "$source/tests/peers/run.sh" "$tree" --device cuda --networks "$nets" \
        --only "$steps" --instances "$instances" --seconds 2 --csv "$report/peers_compile.csv"
    heed compile $?
    add_peers "$report/peers_compile.csv"
}

# Outputs and gradients of both sides, over the largest: what compare.py --check allows.
agreement()
{
    [ -n "$torch" ] || return
    worst=$(awk -F '\t' '$5 != "" { most = $1 ~ /^step/ ? 1e-3 : 2e-5
                                    if (!($5 <= most)) print $1 ": " $5 }' "$work/results" |
        tr '\n' ' ')
    if [ -n "$worst" ]; then
        note "archc and PyTorch" FAILED "they differ: $worst"
    elif awk -F '\t' '$5 != "" { n++ } END { exit !n }' "$work/results"; then
        note "archc and PyTorch" ok "the same outputs and gradients but for rounding"
    else
        note "archc and PyTorch" "not run" "nothing was compared"
    fi
}

# add_peers CSV: name, our us a sample, the best of PyTorch and what that was
add_peers()
{
    [ -f "$1" ] || return
    awk -F , -v many="$instances" '
        /^#/ { next }
        !columns { columns = NF; for (i = 1; i <= NF; i++) at[$i] = i; next }
        {
            name = $at["kind"] "." $at["network"] "." $at["lattice"] "." $at["batch"]
            mine = $at["archc_us_median"]
            best = mine * $at["ratio_median"]
            print name "\t" mine "\t" best "\t" $at["best"] "\t" $at["difference"]
            if ("many_us" in at)
                print name ".x" many "\t" $at["many_us_median"] "\t" best "\t" $at["best"] \
                      "\t" $at["difference"]
        }' "$1" >>"$work/results"
}

# ---- compute-sanitizer ----

# sanitize TOOL NAME COMMAND..
sanitize()
{
    tool=$1
    what=$2
    shift 2
    row="$tool, $what"
    mkdir -p "$work/sanitizer/$tool-$what"
    cd "$work/sanitizer/$tool-$what" || return
    LD_LIBRARY_PATH="$tree/lib${path:+:$path}" ARCHC_REQUIRE_GPU=1 phase "$tool-$what" 80 \
        compute-sanitizer --tool "$tool" --error-exitcode 99 "$@"
    code=$?
    said=$(grep -h 'SUMMARY' "$work/logs/$tool-$what" 2>/dev/null | tail -1 | sed 's/^=* *//')
    case $code in
    0) note "$row" ok "${said:-no error}" ;;
    77) note "$row" "not run" "$(last_words "$tool-$what")" ;;
    124 | 137) note "$row" "not run" "its time was over" ;;
    99) note "$row" FAILED "$said" ;;
    *) note "$row" FAILED "exit $code: $(last_words "$tool-$what")" ;;
    esac
}

# A network in one pass of blocks and, with little shared memory, in passes over the grid:
# check_cuda_gpu does both, forward, gradient and vjp.  And a training.  All side by side: each
# spends its time on the host.
sanitizers()
{
    if ! command -v compute-sanitizer >/dev/null; then
        note "compute-sanitizer" "not run" "it is not there"
        return
    fi
    models=$tree/tests/kernels
    if [ ! -x "$tree/bin/check_cuda_gpu" ]; then
        note "compute-sanitizer" "not run" "the tests are not built"
        return
    fi
    for tool in memcheck racecheck; do
        sanitize "$tool" count_eq3 "$tree/bin/check_cuda_gpu" 8x8 \
            "$source/archs/task3/eq3.arch" "$models/model_count_eq3_f32.so" count_eq3 &
        sanitize "$tool" detect_st "$tree/bin/check_cuda_gpu" 8x8 \
            "$source/archs/task2/st.arch" "$models/model_detect_st_f32.so" detect_st &
        sanitize "$tool" train "$tree/bin/train_cuda_test" count_eq3 \
            "$models/model_count_eq3_f32.so" &
    done
    wait
}

# ---- all of it ----

failed=0
plan
kernels
tests
measure
worms
peers
sanitizers
compiled
agreement
{
    echo "device: $(sed -n 's/^name\t//p' "$work/device")"
    awk -f "$here/table.awk" "$work/device" "$work/plan" "$work/results" "$work/notes"
    echo "$(($(date +%s) - start)) s of $total s"
} | tee "$report/table.txt"
for log in "$work"/logs/* "$work"/tests/*/log; do
    [ -s "$log" ] && echo "==== ${log#"$work"/}" && head -c 1000000 "$log"
done >"$report/log.txt"
cp "$work/results" "$report/results.tsv"
! grep -q "$(printf '\t')FAILED" "$work/notes" || failed=1
exit $failed
