#include "archrt/optim.h"

#include <math.h>

AdamW adamw_default(void)
{
    return (AdamW){
        .lr = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .amsgrad = true};
}

/* What is the same for all numbers of a step. */
typedef struct Factors {
    double keep, step,
        root; /* 1 - lr decay; lr / (1 - beta1^t); 1 / sqrt(1 - beta2^t) */
} Factors;

static Factors step_factors(const AdamW *o, int64_t t)
{
    return (Factors){.keep = 1 - o->lr * o->weight_decay,
                     .step = o->lr / (1 - pow(o->beta1, (double)t)),
                     .root = 1 / sqrt(1 - pow(o->beta2, (double)t))};
}

static void step_f32(const AdamW *o, const AdamWState *s, const float *g, Factors f)
{
    float *restrict w = s->w, *restrict m = s->m, *restrict v = s->v,
                    *restrict u = s->u;
    const float keep = (float)f.keep, step = (float)f.step, root = (float)f.root;
    const float c1 = (float)(1 - o->beta1), b2 = (float)o->beta2,
                c2 = (float)(1 - o->beta2);
    const float eps = (float)o->eps, ams = o->amsgrad ? 1 : 0;
#pragma omp simd
    for (int64_t i = 0; i < s->n; i++) {
        m[i] += c1 * (g[i] - m[i]);
        v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
        float old = ams * u[i];
        u[i] = old > v[i] ? old : v[i];
        w[i] = keep * w[i] - step * (m[i] / (sqrtf(u[i]) * root + eps));
    }
}

static void step_f64(const AdamW *o, const AdamWState *s, const double *g, Factors f)
{
    double *restrict w = s->w, *restrict m = s->m, *restrict v = s->v,
                     *restrict u = s->u;
    const double c1 = 1 - o->beta1, b2 = o->beta2, c2 = 1 - o->beta2;
    const double eps = o->eps, ams = o->amsgrad ? 1 : 0;
#pragma omp simd
    for (int64_t i = 0; i < s->n; i++) {
        m[i] += c1 * (g[i] - m[i]);
        v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
        double old = ams * u[i];
        u[i] = old > v[i] ? old : v[i];
        w[i] = f.keep * w[i] - f.step * (m[i] / (sqrt(u[i]) * f.root + eps));
    }
}

void adamw_step(const AdamW *o, const AdamWState *s, const void *g, int64_t t)
{
    if (s->real == ARCH_F64)
        step_f64(o, s, g, step_factors(o, t));
    else
        step_f32(o, s, g, step_factors(o, t));
}
