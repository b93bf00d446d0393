#!/bin/sh
# archrun data makes its samples independent: pilots find the spacing, on any number of threads
# and after any stop, and disturb no chain.
#
#     run_pilot.sh PATH/TO/archrun
archrun=$1
. "$(dirname "$0")/world.sh"

# field KEY: its first number on each line of out.
field() {
    sed "s/.*\"$1\": \([-0-9.e+]*\).*/\1/" out
}

# The spacing follows from tau, and the samples come out independent.
accept data flux --lattice 8x8 --eta 4.25 --mu 1 --samples 3000 --seed 1 -o flux.h5
accept info flux.h5 --json
sed 's/.*"sampling"//' out >how
mv out all
mv how out
field tau >tau
field error >error
field between >between
field thermal >thermal
paste tau error between thermal | awk '
    function up(x) { return x == int(x) ? x : int(x) + 1 }
    { t = $1 + $2; if ($3 == up(4 * t) && $4 == (20 * t > 100 ? up(20 * t) : 100)) n++ }
    END { exit n != 1 }' || complain "the rule: $(cat out)"
sed 's/.*"n": {[^}]*"tau": \([0-9.]*\).*"phi2": {[^}]*"tau": \([0-9.]*\).*/\1 \2/' all |
    awk '$1 < 0.6 && $2 < 0.6 { n++ } END { exit n != 1 }' ||
    complain "the samples are correlated: $(cat all)"

# The pilot takes no random numbers from the chains: they do the same if told its spacing.
accept data flux --lattice 8x8 --eta 4.25 --mu 1 --samples 3000 --seed 1 \
    --between "$(cat between)" --thermal "$(cat thermal)" -o told.h5
accept info told.h5 --json
sed 's/, "sampling".*//' out >told
sed 's/, "sampling".*//' all | cmp - told || complain "a pilot disturbs the chains"

# Each lattice and point has its own, the same for all numbers of worms.
grid="data worms --lattice 4x4,8x4 --eta 4.25 --mu 0.8:1.2:0.4 --worms 0:2 --samples 20"
accept $grid --threads 1 -o one.h5
accept $grid --threads 3 -o three.h5
cmp one.h5 three.h5 || complain "pilots depend on the number of threads"
accept info one.h5 --json
[ "$(wc -l <out)" -eq 12 ] || complain "a line per parameter set: $(cat out)"
[ "$(sed 's/.*"sampling"//' out | sort -u | wc -l)" -eq 4 ] ||
    complain "a pilot per lattice and point: $(cat out)"
accept info one.h5
grep -q 'tau of pilot between thermal  sweep' out || complain "info does not show the pilots"
grep -q 'then a sample every 4 (tau + error) sweeps' out || complain "the protocol: $(cat out)"

# One of the two may be given.
accept data flux --lattice 4x4 --eta 4.25 --mu 1 --samples 20 --thermal 30 -o half.h5
accept info half.h5 --json
grep -q '"thermal": 30,' out || complain "--thermal: $(cat out)"
grep -q '"sampling": {"tau": [0-9]' out || complain "--thermal alone: $(cat out)"

# Stopped among the pilots, and resumed from what they found.
job="data flux --lattice 32x32 --eta 4.25 --mu 0:1.5:0.1 --samples 8"
accept $job -o straight.h5
"$archrun" $job --threads 1 -o resumed.h5 2>err &
sleep 1
kill -TERM $!
wait $!
[ $? -eq 75 ] || complain "exit $? after SIGTERM: $(cat err)"
[ -e resumed.h5.parts/pilots ] || complain "the pilots of a stopped job are not saved"
ls resumed.h5.parts | grep -q part && complain "the job was not stopped among its pilots"
cp -r resumed.h5.parts damaged.h5.parts
at=$(($(wc -c <damaged.h5.parts/pilots) - 32)) # the spacing of the last, which came first
printf x | dd of=damaged.h5.parts/pilots bs=1 seek=$at conv=notrunc 2>err
accept $job -o resumed.h5
cmp straight.h5 resumed.h5 || complain "resumed pilots make other bytes"
accept $job -o damaged.h5
cmp straight.h5 damaged.h5 || complain "damaged pilots make other bytes"

verdict
