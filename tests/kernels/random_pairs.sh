#!/bin/sh
# random_pairs.sh LEAST FILE.. - how often each pair of compiler, -O level, instruction set
# and precision that are here came up in the runs that random.sh wrote to FILE.., as a table.
# Fails if one came up less than LEAST times, or a seed twice.
least=$1
shift
awk -v least="$least" '
    $1 == "#" {
        for (i = 3; i <= NF; i++)
            if (!($i in column)) { column[$i] = $2; value[++values] = $i }
        next
    }
    NF != 7 { print "FAILED: " FILENAME ": " $0; bad = 1; next }
    {
        runs++
        passed += $2 == "passed"
        twice += seen[$1]++
        if ($7 != "-" && $7 + 0 > worst) worst = $7 + 0
        for (i = 3; i <= 6; i++)
            for (j = 3; j <= 6; j++) pairs[$i, $j]++
    }
    END {
        printf "%-8s", ""
        for (j = 1; j <= values; j++) printf "%8s", value[j]
        print ""
        for (i = 1; i <= values; i++) {
            printf "%-8s", value[i]
            for (j = 1; j <= values; j++) {
                a = value[i]; b = value[j]; n = pairs[a, b] + 0
                if (i != j && column[a] == column[b]) { printf "%8s", "."; continue }
                printf "%8d", n
                if (n < least) { few = few " " a "+" b; bad = 1 }
            }
            print ""
        }
        printf "%d networks, %d passed, worst ratio %g\n", runs, passed, worst
        if (few) print "FAILED: less than " least " times:" few
        if (twice) { print "FAILED: seeds ran twice"; bad = 1 }
        exit bad || !runs
    }' "$@"
