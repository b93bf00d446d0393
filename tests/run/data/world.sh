# What the tests of archrun data share: a folder of their own, which is left at the end, and
#
#     accept ARGUMENTS..            the command succeeds; what it prints is in the file out
#     refuse CODE PART ARGUMENTS..  it fails so, in one line that holds PART, and leaves no file
#     complain WORDS..              a failure of the test
#     verdict                       the last line of a test
#
# Sourced with the path of archrun in $archrun.
folder=$(mktemp -d) || exit 1
trap 'rm -r "$folder"' EXIT
cd "$folder" || exit 1
failures=0

complain() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

refuse() {
    code=$1 part=$2
    shift 2
    "$archrun" "$@" >out 2>err </dev/null
    got=$?
    [ $got -eq "$code" ] || complain "exit $got, not $code: $*"
    grep -qF -- "$part" err || complain "'$part' is not said by: $*: $(cat err)"
    [ "$(grep -c 'error:' err)" -eq 1 ] || complain "not one error line: $*"
    [ "$(wc -l <err)" -eq 1 ] || complain "more than one line: $*: $(cat err)"
    rm -f out err
    [ -z "$(find . -name '*.h5.??????' -o -name 'no*.h5*')" ] || complain "left behind: $(ls)"
}

accept() {
    "$archrun" "$@" >out 2>err </dev/null || complain "$*: $(cat err)"
}

verdict() {
    [ $failures -eq 0 ] && echo "all as expected"
    exit $((failures > 0))
}
