/* AdamW against the same formulas in scalar double arithmetic, written out step by step. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "archrt/optim.h"

#define N     37
#define STEPS 200

/* Gradients that grow, shrink, change sign and vanish. */
static double gradient(int i, int t)
{
    if (i == 0)
        return 0;
    return sin(0.1 * i * t) * exp(-0.02 * t * (i % 3)) * pow(10, i % 7 - 3);
}

/* One number alone, the published form: bias-corrected estimates, then the quotient. */
static double reference(const AdamW *o, int i, double w)
{
    double m = 0, v = 0, top = 0;
    for (int t = 1; t <= STEPS; t++) {
        double g = gradient(i, t);
        w -= o->lr * o->weight_decay * w;
        m = o->beta1 * m + (1 - o->beta1) * g;
        v = o->beta2 * v + (1 - o->beta2) * g * g;
        top = fmax(top, v);
        double m_hat = m / (1 - pow(o->beta1, t));
        double v_hat = (o->amsgrad ? top : v) / (1 - pow(o->beta2, t));
        w -= o->lr * m_hat / (sqrt(v_hat) + o->eps);
    }
    return w;
}

static void compare_f64(const AdamW *o)
{
    double w[N], m[N] = {0}, v[N] = {0}, u[N] = {0}, g[N];
    AdamWState s = {ARCH_F64, N, w, m, v, u};
    for (int i = 0; i < N; i++)
        w[i] = 0.3 * i - 2;
    for (int t = 1; t <= STEPS; t++) {
        for (int i = 0; i < N; i++)
            g[i] = gradient(i, t);
        adamw_step(o, &s, g, t);
    }
    for (int i = 0; i < N; i++)
        assert_true(fabs(w[i] - reference(o, i, 0.3 * i - 2)) < 1e-12);
}

static void compare_f32(const AdamW *o)
{
    float w[N], m[N] = {0}, v[N] = {0}, u[N] = {0}, g[N];
    AdamWState s = {ARCH_F32, N, w, m, v, u};
    for (int i = 0; i < N; i++)
        w[i] = (float)(0.3 * i - 2);
    for (int t = 1; t <= STEPS; t++) {
        for (int i = 0; i < N; i++)
            g[i] = (float)gradient(i, t);
        adamw_step(o, &s, g, t);
    }
    for (int i = 0; i < N; i++)
        assert_true(fabs((double)w[i] - reference(o, i, 0.3 * i - 2)) < 2e-4);
}

static void check_amsgrad(void **state)
{
    AdamW o = adamw_default();
    (void)state;
    assert_true(o.lr == 1e-2 && o.beta1 == 0.9 && o.beta2 == 0.999 && o.eps == 1e-8);
    assert_true(o.weight_decay == 0 && o.amsgrad);
    compare_f64(&o);
    compare_f32(&o);
}

static void check_decay_without_amsgrad(void **state)
{
    AdamW o = adamw_default();
    (void)state;
    o.amsgrad = false;
    o.weight_decay = 0.1;
    o.beta1 = 0.8;
    compare_f64(&o);
    compare_f32(&o);
}

/* The first step moves every number by lr, whatever its gradient: m_hat / sqrt(v_hat) = 1. */
static void check_first_step(void **state)
{
    AdamW o = adamw_default();
    double w[2] = {1, 1}, m[2] = {0}, v[2] = {0}, u[2] = {0}, g[2] = {1e-3, -1e3};
    (void)state;
    adamw_step(&o, &(AdamWState){ARCH_F64, 2, w, m, v, u}, g, 1);
    assert_true(fabs(w[0] - 0.99) < 1e-6 && fabs(w[1] - 1.01) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check_amsgrad),
                                       cmocka_unit_test(check_decay_without_amsgrad),
                                       cmocka_unit_test(check_first_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
