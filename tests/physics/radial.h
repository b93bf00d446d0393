/* radial.h - the integrals of a site's modulus, by quadrature.
 *
 *     I_p = int_0^inf u^p exp(-eta u - lambda u^2) du = 2 W(2p),   u = r^2
 *
 * for lambda > 0 and any eta, or lambda = 0 and eta > 0. */
#ifndef RADIAL_H
#define RADIAL_H

/* I_{p+1} / I_p */
long double radial_ratio(double eta, double lambda, int p);

/* w[p] = I_p / I_0 = W(2p) / W(0), p < size */
void radial_weights(double eta, double lambda, int size, double *w);

#endif
