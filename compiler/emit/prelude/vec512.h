/* ---- vec512: 16 float or 8 double lanes, AVX-512 ---- */

#define TARGET_AVX512 __attribute__((target("avx512f,avx512dq,avx2,fma")))
#define VEC512 static inline __attribute__((always_inline, unused, target("avx512f,avx512dq,avx2,fma")))

#ifdef ARCH_REAL_F64
typedef __m512d vec512;
#define VEC512_OP(op) _mm512_##op##_pd
#else
typedef __m512 vec512;
#define VEC512_OP(op) _mm512_##op##_ps
#endif

VEC512 vec512 vec512_load(const real *p)
{
    return VEC512_OP(load)(p);
}

VEC512 void vec512_store(real *p, vec512 a)
{
    VEC512_OP(store)(p, a);
}

VEC512 vec512 vec512_set(real a)
{
    return VEC512_OP(set1)(a);
}

/* An input for every eight lanes, `pitch` from one to the next. */
VEC512 vec512 vec512_inputs(const real *x, int64_t pitch)
{
#ifdef ARCH_REAL_F64
    (void)pitch;
    return _mm512_set1_pd(x[0]);
#else
    return _mm512_mask_blend_ps(0xff00, _mm512_set1_ps(x[0]), _mm512_set1_ps(x[pitch]));
#endif
}

VEC512 vec512 vec512_add(vec512 a, vec512 b)
{
    return VEC512_OP(add)(a, b);
}

VEC512 vec512 vec512_sub(vec512 a, vec512 b)
{
    return VEC512_OP(sub)(a, b);
}

VEC512 vec512 vec512_mul(vec512 a, vec512 b)
{
    return VEC512_OP(mul)(a, b);
}

VEC512 vec512 vec512_div(vec512 a, vec512 b)
{
    return VEC512_OP(div)(a, b);
}

VEC512 vec512 vec512_max(vec512 a, vec512 b)
{
    return VEC512_OP(max)(a, b);
}

/* a * b + c, in the register of c: left to themselves compilers often put the sum into that
 * of a or b and move it back, which costs as much as the sum. */
VEC512 vec512 vec512_fma(vec512 a, vec512 b, vec512 c)
{
#ifdef ARCH_REAL_F64
    __asm__("vfmadd231pd %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
#else
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
#endif
    return c;
}

/* a > b ? c : d */
VEC512 vec512 vec512_gt(vec512 a, vec512 b, vec512 c, vec512 d)
{
#ifdef ARCH_REAL_F64
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_GT_OQ), d, c);
#else
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), d, c);
#endif
}

/* a == b ? c : d */
VEC512 vec512 vec512_eq(vec512 a, vec512 b, vec512 c, vec512 d)
{
#ifdef ARCH_REAL_F64
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ), d, c);
#else
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), d, c);
#endif
}

/* 2^n of n + 1.5 2^23 (1.5 2^52 in double), where n stands in the last bits. */
VEC512 vec512 vec512_power_of_two(vec512 sum)
{
#ifdef ARCH_REAL_F64
    const __m512i n = _mm512_slli_epi64(_mm512_castpd_si512(sum), 52);
    return _mm512_castsi512_pd(_mm512_add_epi64(n, _mm512_castpd_si512(vec512_set(1))));
#else
    const __m512i n = _mm512_slli_epi32(_mm512_castps_si512(sum), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(n, _mm512_castps_si512(vec512_set(1))));
#endif
}

/* Keeps a vector in its register: compilers would rather load it again for every use. */
#define vec512_hold(a) __asm__ volatile("" : "+v"(a))

/* a, b -> in each quarter a0 + a2, b0 + b2, a1 + a3, b1 + b3; two of these -> the four sums. */
#ifndef ARCH_REAL_F64
VEC512 vec512 vec512_pairs(vec512 a, vec512 b)
{
    return _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
}

VEC512 vec512 vec512_fours(vec512 a, vec512 b, vec512 c, vec512 d)
{
    const vec512 x = vec512_pairs(a, b), y = vec512_pairs(c, d);
    return _mm512_add_ps(_mm512_shuffle_ps(x, y, 0x44), _mm512_shuffle_ps(x, y, 0xee));
}

/* Adds the even quarters of a and b to the odd ones. */
VEC512 vec512 vec512_quarters(vec512 a, vec512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}
#endif

/* to[k] += the sum over the lanes of vector k. */
VEC512 void vec512_add_sums(real *to, vec512 a0, vec512 a1, vec512 a2, vec512 a3, vec512 a4,
                            vec512 a5, vec512 a6, vec512 a7, vec512 a8, vec512 a9,
                            vec512 a10, vec512 a11, vec512 a12, vec512 a13, vec512 a14,
                            vec512 a15)
{
#ifdef ARCH_REAL_F64
    const vec512 a[] = {a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13,
                        a14, a15};
    for (int k = 0; k < 16; k++)
        to[k] += _mm512_reduce_add_pd(a[k]);
#else
    const vec512 low = vec512_quarters(vec512_fours(a0, a1, a2, a3),
                                       vec512_fours(a4, a5, a6, a7)),
                 high = vec512_quarters(vec512_fours(a8, a9, a10, a11),
                                        vec512_fours(a12, a13, a14, a15));
    const vec512 sum = _mm512_add_ps(_mm512_loadu_ps(to), vec512_quarters(low, high));
    _mm512_storeu_ps(to, sum);
#endif
}

#define vec512_FUNCTION TARGET_AVX512 INLINE

VEC512 void vec512_store_i32(real *to, __m512i x)
{
#ifdef ARCH_REAL_F64
    vec512_store(to, _mm512_cvtepi32_pd(_mm512_castsi512_si256(x)));
    vec512_store(to + 8, _mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(x, 1)));
#else
    vec512_store(to, _mm512_cvtepi32_ps(x));
#endif
}

/* Of the four bytes of every lane the first `sites`, to vectors `pitch` numbers apart. */
VEC512 void vec512_store_bytes(real *to, int64_t pitch, __m512i x, int64_t sites)
{
    if (sites > 0)
        vec512_store_i32(to, _mm512_srai_epi32(_mm512_slli_epi32(x, 24), 24));
    if (sites > 1)
        vec512_store_i32(to + pitch, _mm512_srai_epi32(_mm512_slli_epi32(x, 16), 24));
    if (sites > 2)
        vec512_store_i32(to + 2 * pitch, _mm512_srai_epi32(_mm512_slli_epi32(x, 8), 24));
    if (sites > 3)
        vec512_store_i32(to + 3 * pitch, _mm512_srai_epi32(x, 24));
}

/* Bytes at .. at + 3 of 16 rows, of which `sites` behind the first `skip` are meant: row i
 * becomes lane i, byte j vector j.  Where no more than 4 lanes are in use, the others see the
 * same. */
vec512_FUNCTION void vec512_read_4(const Bytes *x, int64_t at, int64_t skip, int64_t sites,
                                   real *to, int64_t pitch)
{
    const int8_t *const *row = x->from;
    __m512i words = _mm512_broadcast_i32x4(words_of_rows(row, at));
    if (x->lanes > 4) {
        words = _mm512_inserti32x4(words, words_of_rows(row + 4, at), 1);
        words = _mm512_inserti32x4(words, words_of_rows(row + 8, at), 2);
        words = _mm512_inserti32x4(words, words_of_rows(row + 12, at), 3);
    }
    words = _mm512_srl_epi32(words, _mm_cvtsi32_si128((int)skip * 8));
    vec512_store_bytes(to, pitch, words, sites);
}

/* Four vectors, of fours_of_rows. */
vec512_FUNCTION void vec512_read_four(const int8_t *const *row, int64_t at,
                                      const int8_t *order, real *to, int64_t pitch)
{
    __m128i four[4];
    fours_of_rows(row, at, order, four);
    UNROLLED
    for (int k = 0; k < 4; k++)
        vec512_store_i32(to + k * pitch, _mm512_cvtepi8_epi32(four[k]));
}

VEC512 __m128i vec512_bytes_at(const int8_t *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

/* The same of bytes at .. at + 15, from the first on: four of them stay together until they
 * are stored, which takes a quarter of the shuffles. */
vec512_FUNCTION void vec512_read_16(const int8_t *const *row, int64_t at, int64_t sites,
                                    real *to, int64_t pitch)
{
    __m512i a[4]; /* rows k, k + 4, k + 8 and k + 12 */
    UNROLLED
    for (int k = 0; k < 4; k++) {
        a[k] = _mm512_castsi128_si512(vec512_bytes_at(row[k] + at));
        a[k] = _mm512_inserti32x4(a[k], vec512_bytes_at(row[k + 4] + at), 1);
        a[k] = _mm512_inserti32x4(a[k], vec512_bytes_at(row[k + 8] + at), 2);
        a[k] = _mm512_inserti32x4(a[k], vec512_bytes_at(row[k + 12] + at), 3);
    }
    const __m512i p = _mm512_unpacklo_epi32(a[0], a[1]), q = _mm512_unpacklo_epi32(a[2], a[3]),
                  r = _mm512_unpackhi_epi32(a[0], a[1]), s = _mm512_unpackhi_epi32(a[2], a[3]);
    vec512_store_bytes(to, pitch, _mm512_unpacklo_epi64(p, q), sites);
    vec512_store_bytes(to + 4 * pitch, pitch, _mm512_unpackhi_epi64(p, q), sites - 4);
    vec512_store_bytes(to + 8 * pitch, pitch, _mm512_unpacklo_epi64(r, s), sites - 8);
    vec512_store_bytes(to + 12 * pitch, pitch, _mm512_unpackhi_epi64(r, s), sites - 12);
}

/* Fills the halo behind x [sites][ghost][halo], with `sites` before the ghost. */
vec512_FUNCTION void vec512_fill_halo(const Halo *halo, real *x, int64_t channels,
                                      int64_t sites)
{
    const int64_t row = channels * ARCH_LANES;
    real *to = x + (sites + 1) * row;
    for (int64_t h = 0; h < halo->sites; h++) {
        const real *from = x + halo->from[h] * row;
        const __m512i lane = _mm512_loadu_si512(halo->lane + h * ARCH_LANES);
        const __mmask16 there = _mm512_cmpge_epi32_mask(lane, _mm512_setzero_si512());
#ifdef ARCH_REAL_F64
        const __m512i low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(lane)),
                      high = _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(lane, 1));
        for (int64_t c = 0; c < channels; c++, from += ARCH_LANES, to += ARCH_LANES) {
            const vec512 a = vec512_load(from), b = vec512_load(from + 8);
            vec512_store(to, _mm512_maskz_permutex2var_pd((__mmask8)there, a, low, b));
            vec512_store(to + 8,
                         _mm512_maskz_permutex2var_pd((__mmask8)(there >> 8), a, high, b));
        }
#else
        for (int64_t c = 0; c < channels; c++, from += ARCH_LANES, to += ARCH_LANES)
            vec512_store(to, _mm512_maskz_permutexvar_ps(there, lane, vec512_load(from)));
#endif
    }
}

/* Number j of vector i becomes number i of vector j: 16 vectors of 16 at x, to rows `pitch`
 * numbers apart.  Fours of vectors are turned around in each quarter, then quarters are
 * exchanged: 64 shuffles, which take less time than gathering quarters from memory. */
vec512_FUNCTION void vec512_transpose(const real *x, real *to, int64_t pitch)
{
#ifdef ARCH_REAL_F64
    for (int i = 0; i < ARCH_LANES; i++)
        for (int j = 0; j < ARCH_LANES; j++)
            to[i * pitch + j] = x[j * ARCH_LANES + i];
#else
    __m512 a[16]; /* [4 i + k]: numbers k, k + 4, k + 8 and k + 12 of vectors 4 i .. 4 i + 3 */
    UNROLLED
    for (int i = 0; i < 16; i += 4, x += 4 * ARCH_LANES) {
        const __m512 x0 = vec512_load(x), x1 = vec512_load(x + ARCH_LANES),
                     x2 = vec512_load(x + 2 * ARCH_LANES), x3 = vec512_load(x + 3 * ARCH_LANES);
        const __m512 p = _mm512_unpacklo_ps(x0, x1), q = _mm512_unpacklo_ps(x2, x3),
                     r = _mm512_unpackhi_ps(x0, x1), s = _mm512_unpackhi_ps(x2, x3);
        a[i] = _mm512_shuffle_ps(p, q, 0x44);
        a[i + 1] = _mm512_shuffle_ps(p, q, 0xee);
        a[i + 2] = _mm512_shuffle_ps(r, s, 0x44);
        a[i + 3] = _mm512_shuffle_ps(r, s, 0xee);
    }
    UNROLLED
    for (int k = 0; k < 4; k++, to += pitch) {
        const __m512 p = _mm512_shuffle_f32x4(a[k], a[4 + k], 0x44),
                     q = _mm512_shuffle_f32x4(a[8 + k], a[12 + k], 0x44),
                     r = _mm512_shuffle_f32x4(a[k], a[4 + k], 0xee),
                     s = _mm512_shuffle_f32x4(a[8 + k], a[12 + k], 0xee);
        vec512_store(to, _mm512_shuffle_f32x4(p, q, 0x88));
        vec512_store(to + 4 * pitch, _mm512_shuffle_f32x4(p, q, 0xdd));
        vec512_store(to + 8 * pitch, _mm512_shuffle_f32x4(r, s, 0x88));
        vec512_store(to + 12 * pitch, _mm512_shuffle_f32x4(r, s, 0xdd));
    }
#endif
}
