# The table of run_all.sh, from four files with tabs between their fields:
#
#     device    what, number: fp32, tf32x3 in operations a second, copy in bytes a second
#     plan      name, operations, bytes, which of these rates, most times the floor, least ratio
#     results   name, us a sample, PyTorch's, its best variant, difference; the last line counts
#     notes     name, verdict, text
#
# floor = max(operations / rate, bytes / copy), all of a sample; the ratio is PyTorch's time
# over ours.
BEGIN { FS = "\t" }
FNR == 1 { file++ }
FILENAME ~ /\/device$/ { rate[$1] = $2; next }
FILENAME ~ /\/plan$/ { name[++rows] = $1; flop[$1] = $2; bytes[$1] = $3; which[$1] = $4
                       most[$1] = $5; least[$1] = $6; next }
FILENAME ~ /\/results$/ { us[$1] = $2; if ($3 != "") { peer[$1] = $3; best[$1] = $4
                          apart[$1] = $5 } next }
FILENAME ~ /\/notes$/ { note[++notes] = $1; verdict[notes] = $2; text[notes] = $3 }

function number(x) { return x == "" ? "-" : sprintf("%.4g", x) }

function line(a, b, c, d, e, f, g, h, i, j)
{
    printf "| %-32s | %9s | %9s | %9s | %9s | %9s | %7s | %-17s | %8s | %-7s |\n", \
           a, b, c, d, e, f, g, h, i, j
}

function row(n,    floor, over, ratio, good)
{
    floor = rate[which[n]] > 0 && flop[n] != "" ? 1e6 * flop[n] / rate[which[n]] : ""
    if (floor != "" && rate["copy"] > 0 && 1e6 * bytes[n] / rate["copy"] > floor)
        floor = 1e6 * bytes[n] / rate["copy"]
    over = floor > 0 && us[n] > 0 ? us[n] / floor : ""
    ratio = us[n] > 0 && peer[n] != "" ? peer[n] / us[n] : ""
    good = "-"
    if (most[n] != "") good = over == "" ? "not run" : over <= most[n] ? "met" : "missed"
    if (least[n] != "") good = ratio == "" ? "not run" : ratio >= least[n] ? "met" : "missed"
    if (us[n] == "") good = "not run"
    line(n, number(flop[n]), number(bytes[n]), number(floor), number(us[n]), number(over), \
         most[n] == "" ? "-" : "<= " most[n], \
         peer[n] == "" ? "-" : number(peer[n]) " " best[n], \
         (ratio == "" ? "-" : number(ratio)) (least[n] == "" ? "" : " >= " least[n]), good)
}

END {
    printf "peaks: fp32 %s flop/s, 3xTF32 %s flop/s, by attributes; copy %s B/s, measured\n\n", \
           number(rate["fp32"]), number(rate["tf32x3"]), number(rate["copy"])
    line("row (us, flop, bytes a sample)", "flop", "bytes", "floor", "measured", "/ floor", \
         "goal", "PyTorch", "ratio", "goal")
    print "|---|---|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= rows; i++) row(name[i])
    for (i = 1; i <= notes; i++)
        printf "| %-32s | %-91s | %-7s |\n", note[i], text[i], verdict[i]
    for (n in apart) if (apart[n] + 0 > worst + 0) worst = apart[n]
    if (worst != "") printf "\ngreatest difference between archc and PyTorch: %.1e\n", worst
}
