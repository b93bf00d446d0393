/* ---- vec128: 4 float or 2 double lanes in plain C ---- */

#define VEC128 static inline __attribute__((always_inline, unused))

typedef real vec128 __attribute__((vector_size(16), may_alias));
enum { VEC128_LANES = 16 / sizeof(real) };

VEC128 vec128 vec128_load(const real *p)
{
    return *(const vec128 *)p;
}

VEC128 void vec128_store(real *p, vec128 a)
{
    *(vec128 *)p = a;
}

VEC128 vec128 vec128_set(real a)
{
    return a - (vec128){0};
}

/* An input for every eight lanes. */
VEC128 vec128 vec128_inputs(const real *x, int64_t pitch)
{
    (void)pitch;
    return vec128_set(x[0]);
}

VEC128 vec128 vec128_add(vec128 a, vec128 b)
{
    return a + b;
}

VEC128 vec128 vec128_sub(vec128 a, vec128 b)
{
    return a - b;
}

VEC128 vec128 vec128_mul(vec128 a, vec128 b)
{
    return a * b;
}

VEC128 vec128 vec128_div(vec128 a, vec128 b)
{
    return a / b;
}

VEC128 vec128 vec128_max(vec128 a, vec128 b)
{
    vec128 y = b;
    for (int i = 0; i < VEC128_LANES; i++)
        y[i] = a[i] > b[i] ? a[i] : b[i];
    return y;
}

/* a * b + c, rounded once or twice as the machine likes */
VEC128 vec128 vec128_fma(vec128 a, vec128 b, vec128 c)
{
    return a * b + c;
}

/* a > b ? c : d */
VEC128 vec128 vec128_gt(vec128 a, vec128 b, vec128 c, vec128 d)
{
    vec128 y = d;
    for (int i = 0; i < VEC128_LANES; i++)
        y[i] = a[i] > b[i] ? c[i] : d[i];
    return y;
}

/* a == b ? c : d */
VEC128 vec128 vec128_eq(vec128 a, vec128 b, vec128 c, vec128 d)
{
    vec128 y = d;
    for (int i = 0; i < VEC128_LANES; i++)
        y[i] = a[i] == b[i] ? c[i] : d[i];
    return y;
}

/* 2^n of n + 1.5 2^23 (1.5 2^52 in double), where n stands in the last bits. */
VEC128 vec128 vec128_power_of_two(vec128 sum)
{
#ifdef ARCH_REAL_F64
    typedef uint64_t Bits __attribute__((vector_size(16)));
    return (vec128)(((Bits)sum << 52) + (Bits)vec128_set(1));
#else
    typedef uint32_t Bits __attribute__((vector_size(16)));
    return (vec128)(((Bits)sum << 23) + (Bits)vec128_set(1));
#endif
}

/* to[k] += the sum over the lanes of vector k. */
INLINE void vec128_add_sums(real *to, vec128 a0, vec128 a1, vec128 a2, vec128 a3, vec128 a4,
                            vec128 a5, vec128 a6, vec128 a7)
{
    const vec128 a[] = {a0, a1, a2, a3, a4, a5, a6, a7};
    for (int k = 0; k < 8; k++) {
        real sum = 0;
        for (int i = 0; i < VEC128_LANES; i++)
            sum += a[k][i];
        to[k] += sum;
    }
}

#define vec128_FUNCTION INLINE

/* Of 16 rows `sites` bytes from the first on: row i becomes lane i, byte j vector j. */
INLINE void vec128_read_16(const int8_t *const *row, int64_t at, int64_t sites, real *to,
                           int64_t pitch)
{
    for (int64_t j = 0; j < sites; j++)
        for (int i = 0; i < ARCH_LANES; i++)
            to[j * pitch + i] = (real)row[i][at + j];
}

/* ... behind the first `skip`. */
INLINE void vec128_read_4(const Bytes *x, int64_t at, int64_t skip, int64_t sites,
                          real *to, int64_t pitch)
{
    vec128_read_16(x->from, at + skip, sites, to, pitch);
}

/* Four vectors: of four rows four bytes each, in the order told. */
INLINE void vec128_read_four(const int8_t *const *row, int64_t at, const int8_t *order,
                             real *to, int64_t pitch)
{
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < ARCH_LANES; i++)
            to[k * pitch + i] = (real)row[i / 4][at + order[4 * k + i % 4]];
}

INLINE void vec128_fill_halo(const Halo *halo, real *x, int64_t channels, int64_t sites)
{
    fill_halo(halo, x, channels, sites);
}

/* Number j of vector i becomes number i of vector j: 16 vectors of 16 at x, to rows `pitch`
 * numbers apart. */
vec128_FUNCTION void vec128_transpose(const real *x, real *to, int64_t pitch)
{
    for (int i = 0; i < ARCH_LANES; i++)
        for (int j = 0; j < ARCH_LANES; j++)
            to[i * pitch + j] = x[j * ARCH_LANES + i];
}
