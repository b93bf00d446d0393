#!/bin/sh
# archrun data with bad input: one line that names the cause, the exit code, and nothing on the
# disk is touched.
#
#     run_refusals.sh PATH/TO/archrun
archrun=$1
. "$(dirname "$0")/world.sh"

small="--lattice 4x4 --samples 30 --thermal 40 --between 2"
good="$small --eta 4 --mu 1"

# Not a number, where one belongs.
for value in nan inf -inf 1e400 four '' '1,,2'; do
    refuse 2 "--eta: '" data flux $small --eta "$value" --mu 1 -o no.h5
    refuse 2 "--mu: '" data flux $small --eta 4 --mu "$value" -o no.h5
    refuse 2 "--lambda: '" data flux $good --lambda "$value" -o no.h5
    refuse 2 "--worms: '" data worms $good --worms "$value" -o no.h5
    refuse 2 "--seed: '" data flux $good --seed "$value" -o no.h5
    refuse 2 "--samples: '" data flux --lattice 4x4 --eta 4 --mu 1 --samples "$value" -o no.h5
    refuse 2 "--between: '" data flux --lattice 4x4 --eta 4 --mu 1 --between "$value" -o no.h5
    refuse 2 "--thermal: '" data flux --lattice 4x4 --eta 4 --mu 1 --thermal "$value" -o no.h5
    refuse 2 "--lattice: " data flux --lattice "$value" --eta 4 --mu 1 -o no.h5
done
refuse 2 "--output: '' is not a name" data flux $good -o ''
refuse 2 "--mu: 'nan:1:0.1' is no range" data flux $small --eta 4 --mu nan:1:0.1 -o no.h5
refuse 2 "--at: '4:inf' is no pair" data flux $small --at 4:inf -o no.h5

# No model, no lattice.
refuse 2 "lambda = -0.5" data flux $good --lambda 1,-0.5 -o no.h5
refuse 2 "ground state only for eta > 2 (D - 1) + 2 cosh mu" data flux $good --lambda 0 -o no.h5
refuse 2 "ground state only" data flux $small --lambda 0 --eta 4.25 --mu 0.5:0.6:0.1 -o no.h5
accept data flux $small --lambda 0 --eta 4.25 --mu 0.4 -o free.h5
for lattice in 1x8 8x1 1x1 4x4x1; do
    refuse 2 "$lattice" data flux --lattice $lattice --eta 4 --mu 1 -o no.h5
done
refuse 2 "-4x4" data flux --lattice -4x4 --eta 4 --mu 1 -o no.h5
refuse 2 "0x4" data flux --lattice 0x4 --eta 4 --mu 1 -o no.h5
refuse 2 "0 to sites / 4 = 4" data worms $good --worms 0:5 -o no.h5

# Huge: refused before any memory is taken (the shell allows 1 GB, where it can).
memory() (
    if (ulimit -v 1000000 && "$archrun" --version) >out 2>err; then
        ulimit -v 1000000
    fi
    refuse "$@"
    exit $failures
)
many="data flux --eta 4 --mu 1 -o no.h5"
memory 2 "--samples: 1000000000000000000 is out of range" \
    $many --lattice 4x4 --samples 1000000000000000000 || failures=1
memory 2 "--samples: '1e18' is not an integer" $many --lattice 4x4 --samples 1e18 || failures=1
memory 2 "100000x100000" $many --lattice 100000x100000 || failures=1
memory 2 "GB of memory" $many --lattice 10000x10000 || failures=1
memory 2 "GB of memory" $many --lattice 8192x8192 --samples 100000 || failures=1
memory 2 "GB of memory" $many --lattice 60x4 --samples 1000000000 || failures=1
memory 2 "--seed" $many --lattice 4x4 --seed 99999999999999999999 || failures=1

# A flux beyond int8.
refuse 2 "lattice 4x4, eta 4, lambda 0.001, mu 2: a flux at site (" \
    data flux --lattice 4x4 --eta 4 --mu 2 --lambda 0.001 -o no.h5

# Outputs that cannot be, or are there already.
accept data flux $good -o kept.h5
cp kept.h5 copy.h5
refuse 2 "kept.h5 is there already: take another name, or say --overwrite" \
    data flux $good --seed 2 -o kept.h5
cmp kept.h5 copy.h5 || complain "a refused command touched the file that was there"
refuse 2 "a flux at site (" data flux --lattice 4x4 --eta 4 --mu 2 --lambda 0.001 --overwrite \
    -o kept.h5
cmp kept.h5 copy.h5 || complain "a failed command touched the file that was there"
accept data flux $good --seed 2 --overwrite -o kept.h5
cmp -s kept.h5 copy.h5 && complain "--overwrite does nothing"
refuse 3 "cannot write absent/no.h5: No such file or directory" data flux $good -o absent/no.h5
refuse 3 "it is a folder" data flux $good -o .
refuse 3 "it is no regular file" data flux $good --overwrite -o /dev/null
refuse 3 "cannot write $(printf '%0300d' 0)" data flux $good -o "$(printf '%0300d' 0)"
: >no.parts
mv no.parts blocked.h5.parts
refuse 3 "blocked.h5.parts: Not a directory" data flux $good -o blocked.h5

# A folder that cannot be written: the superuser can, unless he gives that up.
mkdir locked
chmod 555 locked
if touch locked/probe 2>err; then
    rm locked/probe
    drop="setpriv --bounding-set=-all --inh-caps=-all"
    if $drop touch locked/probe 2>err || ! $drop true 2>err; then
        rm -f locked/probe
        drop=
        echo "not tested here: a folder that cannot be written"
    fi
    [ -z "$drop" ] || printf '#!/bin/sh\nexec %s %s "$@"\n' "$drop" "$archrun" >plain
else
    printf '#!/bin/sh\nexec %s "$@"\n' "$archrun" >plain
fi
if [ -e plain ]; then
    chmod 755 plain
    known=$archrun archrun=./plain
    refuse 3 "cannot write locked/no.h5: Permission denied" data flux $good -o locked/no.h5
    archrun=$known
fi
chmod 755 locked

# Parts of something else.
job="data flux --lattice 16x16 --eta 4 --mu 1 --samples 2000 --between 400 --thermal 100"
"$archrun" $job -o stopped.h5 2>err &
sleep 1
kill -TERM $!
wait $!
[ $? -eq 75 ] || complain "exit $? after SIGTERM: $(cat err)"
cp -r stopped.h5.parts before
refuse 2 "parts of another job ('between 400', not 'between by a pilot')" \
    data flux --lattice 16x16 --eta 4 --mu 1 --samples 2000 --thermal 100 -o stopped.h5
refuse 2 "('point eta 4 lambda 1 mu 1', not 'point eta 4 lambda 1 mu 1.5')" \
    data flux --lattice 16x16 --eta 4 --mu 1.5 --samples 2000 --between 400 --thermal 100 \
    -o stopped.h5
diff -r before stopped.h5.parts || complain "a refused command touched the parts"
sed -i 's/parts of version [0-9]*/parts of version 1/' stopped.h5.parts/job
refuse 3 "parts of version 1, of another archrun; this one makes version" $job -o stopped.h5
echo something else >stopped.h5.parts/job
refuse 3 "stopped.h5.parts does not hold the parts of a job" $job -o stopped.h5

verdict
