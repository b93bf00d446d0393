#!/bin/sh
# archrun data where the disk is full: exit 3 and one line, what is on the disk stays whole, and
# once there is space the same command goes on to the same bytes.
#
#     run_full_disk.sh PATH/TO/archrun
#
# Full is a limit on the size of files, which every shell has, and a small file system, where
# the machine lets us mount one.
archrun=$1
. "$(dirname "$0")/world.sh"

job="data worms --lattice 16x16 --eta 4 --mu 1 --worms 0,2 --samples 200 --paths"
short="$job --between 2 --thermal 10" long="$job --between 1000 --thermal 100"
accept $short -o short.h5
accept $long -o long.h5

# with_limit COMMAND..: files of at most 4 kB.
cat >with_limit <<'END'
#!/bin/sh
trap '' XFSZ
ulimit -f 8
exec "$@"
END
chmod 755 with_limit

# fails WHY NAME: the command that ended with $got said so, in one line, and left no draft.
fails() {
    [ $got -eq 3 ] || complain "$2: exit $got, not 3: $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] || complain "$2: not one line: $(cat err)"
    grep -q "error: cannot write .*$2.*: $1" err || complain "$2: $(cat err)"
    [ -z "$(find . -name '*.??????')" ] || complain "$2: left behind: $(find . -name '*.??????')"
}

# stop PID: a signal after a second, and how it ended, in $got.
stop() {
    sleep 1
    kill -TERM "$1" 2>kill.err
    wait "$1"
    got=$?
}

# go_on WHY PREFIX FOLDER: fails at the end, then among its parts, and goes on.  PREFIX runs a
# command with little space.
go_on() {
    $2 "$archrun" $short -o "$3/short.h5" 2>err
    got=$?
    fails "$1" "$3/short.h5"
    [ ! -e "$3/short.h5" ] || complain "$3: a file that could not be written is there"
    $2 "$archrun" $long --threads 1 -o "$3/long.h5" 2>err &
    stop $!
    fails "$1" "$3/long.h5.parts"
}

mkdir limited
go_on "File too large" ./with_limit limited
"$archrun" $long --threads 1 -o limited/long.h5 2>err & # now with space, for the first parts
stop $!
[ $got -eq 75 ] || complain "exit $got after SIGTERM: $(cat err)"
cp -r limited/long.h5.parts parts
./with_limit "$archrun" $long --threads 1 -o limited/long.h5 2>err &
stop $!
fails "File too large" limited/long.h5.parts
for part in parts/*.part; do
    cmp "$part" "limited/long.h5.parts/${part#parts/}" || complain "a part was spoilt: $part"
done
accept $short -o limited/short.h5
accept $long -o limited/long.h5
grep -q 'samples were there already' err || complain "nothing was resumed: $(cat err)"
cmp short.h5 limited/short.h5 || complain "other bytes after a full disk"
cmp long.h5 limited/long.h5 || complain "other bytes after parts met a full disk"

mkdir small
if mount -t tmpfs -o size=8k tmpfs small 2>err; then
    trap 'umount small; rm -r "$folder"' EXIT
    go_on "No space left on device" "" small
    mount -o remount,size=20m small
    accept $short -o small/short.h5
    accept $long -o small/long.h5
    cmp short.h5 small/short.h5 || complain "other bytes after a full file system"
    cmp long.h5 small/long.h5 || complain "other bytes after parts met a full file system"
else
    echo "not tested here: a full file system, which needs the right to mount one"
fi

verdict
