set terminal png size 900,900
set output 'silver_blaze.png'
set xlabel 'mu'
set grid
set key top left
set offsets graph 0.03, graph 0.03, graph 0.05, graph 0.05
set multiplot layout 2,1
set ylabel 'n'
plot 'silver_blaze.dat' index 0 using 1:2:3 with yerrorlines pt 7 ps 0.7 lc 1 title '50x2, eta 4.01, lambda 1', \
     'silver_blaze.dat' index 1 using 1:2:3 with yerrorlines pt 7 ps 0.7 lc 2 title '60x4, eta 4.01, lambda 1', \
     'silver_blaze.dat' index 2 using 1:2:3 with yerrorlines pt 7 ps 0.7 lc 3 title '100x5, eta 4.01, lambda 1', \
     'silver_blaze.dat' index 3 using 1:2:3 with yerrorlines pt 7 ps 0.7 lc 4 title '125x8, eta 4.01, lambda 1', \
     'silver_blaze.dat' index 4 using 1:2:3 with yerrorlines pt 7 ps 0.7 lc 5 title '200x10, eta 4.01, lambda 1'
set ylabel '|phi|^2'
plot 'silver_blaze.dat' index 0 using 1:5:6 with yerrorlines pt 7 ps 0.7 lc 1 title '50x2, eta 4.01, lambda 1', \
     'silver_blaze.dat' index 1 using 1:5:6 with yerrorlines pt 7 ps 0.7 lc 2 title '60x4, eta 4.01, lambda 1', \
     'silver_blaze.dat' index 2 using 1:5:6 with yerrorlines pt 7 ps 0.7 lc 3 title '100x5, eta 4.01, lambda 1', \
     'silver_blaze.dat' index 3 using 1:5:6 with yerrorlines pt 7 ps 0.7 lc 4 title '125x8, eta 4.01, lambda 1', \
     'silver_blaze.dat' index 4 using 1:5:6 with yerrorlines pt 7 ps 0.7 lc 5 title '200x10, eta 4.01, lambda 1'
unset multiplot
