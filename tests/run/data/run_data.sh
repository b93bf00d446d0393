#!/bin/sh
# archrun data and info: exit codes, one-line errors that name the cause, files that are there
# whole or not at all, the same bytes on any number of threads.
#
#     run_data.sh PATH/TO/archrun
archrun=$1
. "$(dirname "$0")/world.sh"

small="--lattice 4x4 --samples 30 --thermal 40 --between 2"

accept data flux $small --eta 4.25 --mu 1 --lambda 1 --seed 1 -o flux.h5
accept data worms --lattice 4x4,6x2 --at 4.25:1,4.01:1.5 --worms 0,2 --samples 600 \
    --thermal 40 --between 1 --threads 1 -o one.h5
accept data worms --lattice 4x4,6x2 --at 4.25:1,4.01:1.5 --worms 0,2 --samples 600 \
    --thermal 40 --between 1 --threads 3 -o three.h5
cmp one.h5 three.h5 || complain "the data depend on the number of threads"
accept data worms --lattice 4x4,6x2 --at 4.25:1,4.01:1.5 --worms 0,2 --samples 600 \
    --thermal 40 --between 1 --seed 2 -o other.h5
cmp -s one.h5 other.h5 && complain "the seed does nothing"

accept info one.h5 --json
[ "$(wc -l <out)" -eq 8 ] || complain "not a line per parameter set"
grep -q '^{"lattice": \[4, 4\], "eta": 4.01, "lambda": 1, "mu": 1.5, "worms": 2, "samples": 600, "n": {"mean": [-0-9.e]*, "error": [0-9.e-]*, "tau": [0-9.e]*}, "phi2": {"mean": [0-9.]*, "error": [0-9.e-]*, "tau": [0-9.]*}, "sampling": {"tau": null, "error": null, "between": 1, "thermal": 40, "worms": [0-9]*}}$' out ||
    complain "keys of info --json: $(head -1 out)"
accept info flux.h5
grep -q 'flux data, seed 1' out || complain "info for people"
grep -q 'checked on every sample: flux conservation, labels, n, |phi|^2' out ||
    complain "info does not say what it checked"
accept data flux --help
grep -q 'Protocol' out || complain "--help does not say how samples are made"

accept bench flux --lattice 4x4,8 --bursts 1 --json
grep -q '"lattice": \[8\], .*"proposals_per_s": [0-9.]*, ' out || complain "bench: $(cat out)"
refuse 2 "lambda = -1" bench flux --lambda -1

# Stopped, killed and resumed, on other threads: the same bytes.
job="data worms --lattice 8x8 --eta 4.25 --mu 1 --worms 0,2 --samples 600 --between 400"
accept $job --paths -o straight.h5
[ -e straight.h5.parts ] && complain "parts of a finished job remain"
"$archrun" $job --paths --threads 1 -o resumed.h5 2>err &
sleep 1
kill -TERM $!
wait $!
[ $? -eq 75 ] || complain "exit $? after SIGTERM: $(cat err)"
grep -q 'the same command goes on' err || complain "a stop does not say how to go on"
[ -e resumed.h5 ] && complain "a stopped job wrote its output"
ls resumed.h5.parts/*.part >list || complain "a stopped job saved nothing"
refuse 2 "parts of another job ('seed 1', not 'seed 2')" $job --paths --seed 2 -o resumed.h5
refuse 2 "parts of another job ('paths 1', not 'paths 0')" $job -o resumed.h5
"$archrun" $job --paths --threads 1 -o resumed.h5 2>err &
sleep 0.5
kill -KILL $!
wait $! 2>err
printf x | dd of=resumed.h5.parts/0.part bs=1 seek=5000 conv=notrunc 2>err
accept $job --paths --threads 3 -o resumed.h5
grep -q 'samples were there already' err || complain "nothing was resumed"
cmp straight.h5 resumed.h5 || complain "a resumed job makes other bytes"
[ -e resumed.h5.parts ] && complain "parts of a resumed job remain"

# Ranges, and the chain in 0+1 dimensions.
accept data worms --lattice 4x4 --eta 4:4.2:0.1 --mu 1 --worms 0:2 --samples 3 \
    --thermal 4 --between 1 -o range.h5
accept info range.h5 --json
[ "$(wc -l <out)" -eq 9 ] || complain "3 eta and 3 numbers of worms make $(wc -l <out)"
grep -q '"eta": 4.1, .*"worms": 1,' out || complain "ranges: $(cat out)"
accept data worms --lattice 4x4,6x2 --eta 4.1,4.2 --mu 1:1.2:0.2 --lambda 0.5:1.5:0.5 \
    --worms 0:1 --samples 3 --thermal 4 --between 1 -o grid.h5
accept info grid.h5 --json
for lambda in 0.5 1 1.5; do
    [ "$(grep -c "\"lambda\": $lambda," out)" -eq 16 ] || complain "lambda $lambda: $(cat out)"
done
[ "$(sed 's/, "samples".*//' out | sort -u | wc -l)" -eq 48 ] ||
    complain "2 lattices, 2 eta, 3 lambda, 2 mu, 2 numbers of worms: $(wc -l <out)"
accept data flux $small --at 4:1,4.1:0.9 --lambda 1,2 -o pairs.h5
accept info pairs.h5 --json
sed 's/.*"eta": \([0-9.]*\), "lambda": \([0-9.]*\), "mu": \([0-9.]*\).*/\1 \2 \3/' out >pairs
printf '4 1 1\n4 2 1\n4.1 1 0.9\n4.1 2 0.9\n' | cmp - pairs || complain "pairs: $(cat pairs)"
accept data flux --lattice 8 --eta 4.01 --mu 1.05 --samples 20 --thermal 40 -o chain.h5
accept info chain.h5 --json
grep -q '^{"lattice": \[8\], ' out || complain "the chain: $(cat out)"

# Open or closed: a row of each, half of the samples.
accept data open $small --eta 4.25 --mu 1,1.25 --paths --threads 1 -o open.h5
accept info open.h5 --json
[ "$(grep -c '"samples": 15,' out)" -eq 4 ] || complain "halves: $(cat out)"
[ "$(grep -c '"worms": 1,' out)" -eq 2 ] || complain "halves: $(cat out)"
accept data open $small --eta 4.25 --mu 1,1.25 --paths --threads 3 -o open3.h5
cmp open.h5 open3.h5 || complain "paths depend on the number of threads"
accept data open $small --eta 4.25 --mu 1 --length fixed:3 -o fixed.h5
accept info fixed.h5
grep -q 'takes 3 Metropolis steps' out || complain "the length is not recorded"
grep -q 'one worm more has closed' out || complain "the closed half is not described"
accept data worms $small --eta 4.25 --mu 1 --worms 1 --length geometric:2.5 -o geometric.h5

# Pictures: with or without gnuplot there are the script and its data.
accept data worms --lattice 4x4,6x2 --eta 4.25 --mu 1,1.2 --worms 0,2 --samples 20 \
    --thermal 40 --between 1 --paths -o drawn.h5
accept plot config drawn.h5 --lattice 4x4 --sample 25
[ "$(grep -c '^[0-9 ]*$' drawn.config25.dat)" -ge 4 ] || complain "no violations drawn"
grep -q "index .* with points .* title 'violation -1'" drawn.config25.gp ||
    complain "script of a configuration: $(cat drawn.config25.gp)"
grep -q "way of the worm" drawn.config25.gp || complain "no way of the worm drawn"
sed -n '/violations +1/,/^$/p' drawn.config25.dat | grep -c '^[0-9]' >count
[ "$(cat count)" -eq 2 ] || complain "$(cat count) violations of 2 worms drawn"
accept plot observables drawn.h5 -o curves.svg
[ "$(grep -c '^# [0-9]' curves.dat)" -eq 2 ] || complain "not a curve for each lattice"
[ "$(grep -c '^1' curves.dat)" -eq 4 ] || complain "points of curves: $(cat curves.dat)"
grep -q ' 40$' curves.dat || complain "numbers of worms are not taken together"
grep -q "index 1 using 1:5:6 with yerrorlines" curves.gp || complain "$(cat curves.gp)"
accept plot config chain.h5 -o chain.svg

refuse 2 "holds 2 lattices: say --lattice" plot config drawn.h5 -o no.png
refuse 2 "holds no lattice 5x5" plot config drawn.h5 --lattice 5x5 -o no.png
refuse 2 "--sample: 80 is not one of the 80" \
    plot config drawn.h5 --lattice 4x4 --sample 80 -o no.png
refuse 2 "did you mean config?" plot confg drawn.h5 -o no.png
refuse 3 "cannot read absent.h5" plot observables absent.h5 -o no.png
refuse 3 "absent" plot config chain.h5 -o absent/no.png

refuse 2 "cannot be half open" data open --lattice 4x4 --eta 4 --mu 1 --samples 3 -o no.h5
refuse 2 "5 open worms" data open $small --eta 4 --mu 1 --worms 5 -o no.h5
for length in fixed geometric fixed: fixed:x fixed:0 uniform:nan uniform:-1 long:3 fixed:3,; do
    refuse 2 "--length: '$length' is not" \
        data open $small --eta 4 --mu 1 --length $length -o no.h5
done
refuse 2 "may be no integer" data open $small --eta 4 --mu 1 --length fixed:2.5 -o no.h5
refuse 2 "1 to 10 sites = 160" data open $small --eta 4 --mu 1 --length fixed:161 -o no.h5
refuse 2 "steps of 0.3 from 0 never meet 1" data flux $small --eta 4 --mu 0:1:0.3 -o no.h5
refuse 2 "is no range FIRST:LAST:STEP" data flux $small --eta 4 --mu 0:1 -o no.h5
refuse 2 "is no range FIRST:LAST:STEP" data flux $small --eta 4 --mu nan:1:1 -o no.h5
refuse 2 "is not a finite number" data flux $small --eta nan --mu 1 -o no.h5
refuse 2 "is not a finite number" data flux $small --eta four --mu 1 -o no.h5
refuse 2 "lambda = -1" data flux $small --eta 4 --mu 1 --lambda -1 -o no.h5
refuse 2 "lambda 2, mu 1 is given twice" data flux $small --eta 4 --mu 1 --lambda 1,2,2 -o no.h5
refuse 2 "a grid of 8000 points, 4096 are possible" \
    data flux $small --eta 4:4.19:0.01 --mu 1:1.19:0.01 --lambda 1:1.19:0.01 -o no.h5
refuse 2 "ground state only for eta > 2 (D - 1) + 2 cosh mu" \
    data flux $small --eta 4 --mu 1 --lambda 0 -o no.h5
refuse 2 "8x1" data flux --lattice 8x1 --eta 4 --mu 1 -o no.h5
refuse 2 "given twice" data flux --lattice 4x4,4x4 --eta 4 --mu 1 -o no.h5
refuse 2 "given twice" data flux $small --eta 4,4 --mu 1 -o no.h5
refuse 2 "5 open worms" data worms $small --eta 4 --mu 1 --worms 0,5 -o no.h5
refuse 2 "lambda 0.001, mu 2: a flux at site (" \
    data flux --lattice 4x4 --eta 4 --mu 2 --lambda 0.001 -o no.h5
refuse 2 "no place for 2 open worms" \
    data worms $small --eta 1e7 --mu 0 --worms 2 -o no.h5
refuse 2 "a flux at site (" data flux $small --eta 4 --mu 1e5 -o no.h5
refuse 2 "GB" data flux --lattice 4096x4096 --eta 4 --mu 1 --samples 1000000000 -o no.h5
refuse 2 "--mu is missing" data flux $small --eta 4 -o no.h5
refuse 2 "take one or the other" data flux $small --eta 4 --at 4:1 -o no.h5
refuse 2 "is no pair ETA:MU" data flux $small --at 4:x -o no.h5
refuse 2 "is no pair ETA:MU" data flux $small --at 4 -o no.h5
refuse 2 "worms is missing" data worms $small --eta 4 --mu 1 -o no.h5
refuse 2 "did you mean worms?" data worm $small -o no.h5
refuse 2 "output is missing" data flux $small --eta 4 --mu 1

# Found before the work: these samples would take hours.
long="--lattice 64x64 --eta 4.25 --mu 1 --samples 100000"
refuse 3 "No such file or directory" data flux $long -o absent/no.h5
mkdir taken
refuse 3 "it is a folder" data flux $long -o taken

refuse 3 "No such file or directory" info absent.h5
echo "not HDF5" >foreign.h5
refuse 3 "is not an HDF5 file" info foreign.h5
: >empty.h5
refuse 3 "is not an HDF5 file" info empty.h5
head -c 3000 flux.h5 >cut.h5
refuse 3 "truncated or damaged" info cut.h5

# A failure leaves the file that was there.
cp flux.h5 kept.h5
"$archrun" data flux --lattice 4x4 --eta 4 --mu 2 --lambda 0.001 --overwrite -o kept.h5 2>err
cmp flux.h5 kept.h5 || complain "a failed command spoilt the file that was there"

verdict
