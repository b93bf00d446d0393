# Where <Q> = N_x n reaches 1/2, on each lattice of a table made by archrun plot observables: mu,
# interpolated linearly between the points on both sides, and its error from those of n.
/^# [0-9]+x/ {
    split($2, extent, /[x,]/)
    target = 0.5 / extent[2]
    found = before = 0
}
/^[0-9]/ {
    if (before && !found && n < target && $2 >= target) {
        slope = ($2 - n) / ($1 - mu)
        at = mu + (target - n) / slope
        share = (at - mu) / ($1 - mu)
        error = sqrt(((1 - share) * e) ^ 2 + (share * $3) ^ 2) / slope
        printf "%-7s mu = %.4f +- %.4f\n", extent[1] "x" extent[2], at, error
        found = 1
    }
    mu = $1
    n = $2
    e = $3
    before = 1
}
