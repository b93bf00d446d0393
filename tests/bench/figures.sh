#!/bin/sh
# figures.sh BIN [FILE.arch..] - what a training step should cost beside its products, asked and
# measured: one table, a line a figure and network.  BIN has archc and archrun.  Without files:
# one network of each task.  Equivariant ones, because their values lie on one lattice.
#
# BURSTS=24 of peak and kernel in turns for each case, and the best of them: it takes about four
# minutes, and needs a machine without other work.
set -eu
[ $# -ge 1 ] || {
    echo "usage: figures.sh BIN [FILE.arch..]" >&2
    exit 2
}
bin=$1
shift
archs=$(cd "$(dirname "$0")/../../archs" && pwd)
[ $# -gt 0 ] || set -- "$archs/task1/eq.arch" "$archs/task2/eq.arch" "$archs/task3/eq1.arch"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

# cells FILE OPTION.. - a line each: lattice, sites, batch, kind, share of the largest peak
# among them, bytes of memory; part of sums of shards, optimiser, packing; speedup, and that of
# the peak.
cells() {
    "$bin/archrun" bench "$@" --bursts "${BURSTS:-24}" --csv "$dir/cells.csv" >&2
    awk -F, -v names="lattice sites batch kind gflops memory_bytes reduce_share\
 optimiser_share pack_share speedup peak_speedup" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split(names, name, " "); next }
        { if ($at["peak_gflops"] > peak) peak = $at["peak_gflops"]
          for (i = 1; i <= n; i++) cell[NR, i] = $at[name[i]] == "" ? "-" : $at[name[i]] }
        END { for (row = 2; row <= NR; row++) { cell[row, 5] /= peak
              for (i = 1; i <= n; i++) printf "%s ", cell[row, i]
              print "" } }' "$dir/cells.csv"
}

line() {
    printf '%-16s %-8s %-46s %10s %10s  %s\n' "$1" "$2" "$3" "$4" "$5" "$6"
}

# verdict NETWORK LATTICE WHAT ASKED MEASURED most|least
verdict() {
    line "$1" "$2" "$3" "$4" "$5" "$(awk -v a="$4" -v m="$5" -v how="$6" 'BEGIN {
        print (how == "most" ? m + 0 <= a + 0 : m + 0 >= a + 0) ? "" : "missed" }')"
}

# Channels on the lattice of the input that the gradient keeps for a block of 16 samples: the
# values of the forward pass, and twice the widest of them for gradients on their way.
channels_kept() {
    "$bin/archc" --dump=plan "$1" | awk '
        $1 == "buffer" && $3 == "work," && $7 + 0 == 1 {
            channels[substr($2, 1, length($2) - 1)] = $4 }
        $1 == "kernel" { gradient = $2 == "gradient" }
        gradient && $1 == "slot" {
            for (i = 3; i <= NF; i++) if ($i in channels && $i !~ /^d/) {
                sum += channels[$i]
                if (channels[$i] > most) most = channels[$i] } }
        END { print sum + 2 * most }'
}

# Twice parameters and optimiser (three numbers a parameter), and for the one thread what a
# block keeps.  Behind it: how much of a step is packing and optimiser.
memory() {
    cells "$1" --lattice 8x8,64x64 --batch 100 >"$dir/memory"
    awk -v params="$("$bin/archc" --explain "$1" | awk '$1 == "total" { print $2 }')" \
        -v channels="$(channels_kept "$1")" '$4 == "step" {
            printf "%s %.0f %.0f %.1f\n", $1, (2 * 4 * params + channels * $2 * 16) * 4 / 1e3,
                $6 / 1e3, 100 * ($8 + $9) }' "$dir/memory" >"$dir/steps"
    while read -r lattice asked measured part; do
        verdict "$2" "$lattice" "memory of a step, kB" "$asked" "$measured" most
        verdict "$2" "$lattice" "packing and optimiser in a step of 100, %" 5 "$part" most
    done <"$dir/steps"
}

# Cost of a site, relative to that on 8x8.
sites() {
    cells "$1" --lattice 8x8,16x16,32x32,64x64,128x128,256x256 --batch 16 |
        awk '{ if ($1 == "8x8") first[$4] = $5
               else printf "%s %s %.2f\n", $1, $4, first[$4] / $5 }' >"$dir/sites"
    while read -r lattice kind cost; do
        verdict "$2" "$lattice" "$kind, a site against one of 8x8" 1.15 "$cost" most
    done <"$dir/sites"
}

# Speed with idle lanes, over that part of the next full batch's which the others are; 0.05 is
# left to noise.
batches() {
    cells "$1" --lattice 8x8 --batch 1,3,8,17,20,33,100,16,32,48,112 | awk '
        { share[$4, $3] = $5 }
        END { for (kind in share) { split(kind, k, SUBSEP); b = k[2]; full = int((b + 15) / 16) * 16
              if (b != full) printf "%d %s %.2f\n", b, k[1],
                  share[kind] / (share[k[1], full] * b / full) } }' | sort -n >"$dir/batches"
    while read -r batch kind ratio; do
        verdict "$2" 8x8 "$kind of $batch, over its part of full lanes" 0.95 "$ratio" least
    done <"$dir/batches"
}

threads() {
    cells "$1" --lattice 8x8,64x64 --batch 128 --threads 2 |
        awk '{ printf "%s %s %.2f\n", $1, $4, $10 / $11 }' >"$dir/threads"
    while read -r lattice kind ratio; do
        verdict "$2" "$lattice" "$kind, two threads over two loops of products" 0.95 "$ratio" least
    done <"$dir/threads"
}

line network lattice figure asked measured ""
for file; do
    name=$(awk '$1 == "model" { print $2; exit }' "$file")
    memory "$file" "$name"
    sites "$file" "$name"
    batches "$file" "$name"
    threads "$file" "$name"
done
