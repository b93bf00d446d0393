/* ---- vec256: 8 float or 4 double lanes, AVX2 with FMA ---- */

#define TARGET_AVX2 __attribute__((target("avx2,fma")))
#define VEC256 static inline __attribute__((always_inline, unused, target("avx2,fma")))

#ifdef ARCH_REAL_F64
typedef __m256d vec256;
#define VEC256_OP(op) _mm256_##op##_pd
#else
typedef __m256 vec256;
#define VEC256_OP(op) _mm256_##op##_ps
#endif

VEC256 vec256 vec256_load(const real *p)
{
    return VEC256_OP(load)(p);
}

VEC256 void vec256_store(real *p, vec256 a)
{
    VEC256_OP(store)(p, a);
}

VEC256 vec256 vec256_set(real a)
{
    return VEC256_OP(set1)(a);
}

/* An input for every eight lanes. */
VEC256 vec256 vec256_inputs(const real *x, int64_t pitch)
{
    (void)pitch;
    return vec256_set(x[0]);
}

VEC256 vec256 vec256_add(vec256 a, vec256 b)
{
    return VEC256_OP(add)(a, b);
}

VEC256 vec256 vec256_sub(vec256 a, vec256 b)
{
    return VEC256_OP(sub)(a, b);
}

VEC256 vec256 vec256_mul(vec256 a, vec256 b)
{
    return VEC256_OP(mul)(a, b);
}

VEC256 vec256 vec256_div(vec256 a, vec256 b)
{
    return VEC256_OP(div)(a, b);
}

VEC256 vec256 vec256_max(vec256 a, vec256 b)
{
    return VEC256_OP(max)(a, b);
}

/* a * b + c, in the register of c: left to themselves compilers often put the sum into that
 * of a or b and move it back, which costs as much as the sum. */
VEC256 vec256 vec256_fma(vec256 a, vec256 b, vec256 c)
{
#ifdef ARCH_REAL_F64
    __asm__("vfmadd231pd %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
#else
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
#endif
    return c;
}

/* a > b ? c : d */
VEC256 vec256 vec256_gt(vec256 a, vec256 b, vec256 c, vec256 d)
{
    return VEC256_OP(blendv)(d, c, VEC256_OP(cmp)(a, b, _CMP_GT_OQ));
}

/* a == b ? c : d */
VEC256 vec256 vec256_eq(vec256 a, vec256 b, vec256 c, vec256 d)
{
    return VEC256_OP(blendv)(d, c, VEC256_OP(cmp)(a, b, _CMP_EQ_OQ));
}

/* 2^n of n + 1.5 2^23 (1.5 2^52 in double), where n stands in the last bits. */
VEC256 vec256 vec256_power_of_two(vec256 sum)
{
#ifdef ARCH_REAL_F64
    const __m256i n = _mm256_slli_epi64(_mm256_castpd_si256(sum), 52);
    return _mm256_castsi256_pd(_mm256_add_epi64(n, _mm256_castpd_si256(vec256_set(1))));
#else
    const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(sum), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(n, _mm256_castps_si256(vec256_set(1))));
#endif
}

/* Keeps a vector in its register: compilers would rather load it again for every use. */
#define vec256_hold(a) __asm__ volatile("" : "+x"(a))

/* to[k] += the sum over the lanes of vector k. */
VEC256 void vec256_add_sums(real *to, vec256 a0, vec256 a1, vec256 a2, vec256 a3, vec256 a4,
                            vec256 a5, vec256 a6, vec256 a7)
{
#ifdef ARCH_REAL_F64
    const vec256 a[] = {a0, a1, a2, a3, a4, a5, a6, a7};
    for (int k = 0; k < 8; k++)
        to[k] += (a[k][0] + a[k][2]) + (a[k][1] + a[k][3]);
#else
    const vec256 low = _mm256_hadd_ps(_mm256_hadd_ps(a0, a1), _mm256_hadd_ps(a2, a3)),
                 high = _mm256_hadd_ps(_mm256_hadd_ps(a4, a5), _mm256_hadd_ps(a6, a7));
    const vec256 sum = _mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20),
                                     _mm256_permute2f128_ps(low, high, 0x31));
    _mm256_storeu_ps(to, _mm256_add_ps(_mm256_loadu_ps(to), sum));
#endif
}

#define vec256_FUNCTION TARGET_AVX2 INLINE

VEC256 void vec256_store_i32(real *to, __m256i x)
{
#ifdef ARCH_REAL_F64
    vec256_store(to, _mm256_cvtepi32_pd(_mm256_castsi256_si128(x)));
    vec256_store(to + 4, _mm256_cvtepi32_pd(_mm256_extracti128_si256(x, 1)));
#else
    vec256_store(to, _mm256_cvtepi32_ps(x));
#endif
}

/* Of the four bytes of each of eight lanes the first `sites`, to vectors `pitch` numbers
 * apart. */
VEC256 void vec256_store_bytes(real *to, int64_t pitch, __m256i x, int64_t sites)
{
    if (sites > 0)
        vec256_store_i32(to, _mm256_srai_epi32(_mm256_slli_epi32(x, 24), 24));
    if (sites > 1)
        vec256_store_i32(to + pitch, _mm256_srai_epi32(_mm256_slli_epi32(x, 16), 24));
    if (sites > 2)
        vec256_store_i32(to + 2 * pitch, _mm256_srai_epi32(_mm256_slli_epi32(x, 8), 24));
    if (sites > 3)
        vec256_store_i32(to + 3 * pitch, _mm256_srai_epi32(x, 24));
}

/* Bytes at .. at + 3 of 16 rows, of which `sites` behind the first `skip` are meant: row i
 * becomes lane i, byte j vector j.  Where no more than 8 lanes are in use, the others see the
 * same. */
vec256_FUNCTION void vec256_read_4(const Bytes *x, int64_t at, int64_t skip, int64_t sites,
                                   real *to, int64_t pitch)
{
    const int8_t *const *row = x->from;
    const __m128i bits = _mm_cvtsi32_si128((int)skip * 8);
    __m256i words = _mm256_set_m128i(words_of_rows(row + 4, at), words_of_rows(row, at));
    vec256_store_bytes(to, pitch, _mm256_srl_epi32(words, bits), sites);
    if (x->lanes > 8)
        words = _mm256_set_m128i(words_of_rows(row + 12, at), words_of_rows(row + 8, at));
    vec256_store_bytes(to + 8, pitch, _mm256_srl_epi32(words, bits), sites);
}

/* Four vectors, of fours_of_rows. */
vec256_FUNCTION void vec256_read_four(const int8_t *const *row, int64_t at,
                                      const int8_t *order, real *to, int64_t pitch)
{
    __m128i four[4];
    fours_of_rows(row, at, order, four);
    UNROLLED
    for (int k = 0; k < 4; k++) {
        vec256_store_i32(to + k * pitch, _mm256_cvtepi8_epi32(four[k]));
        vec256_store_i32(to + k * pitch + 8,
                         _mm256_cvtepi8_epi32(_mm_srli_si128(four[k], 8)));
    }
}

/* Bytes at .. at + 15 of two rows. */
VEC256 __m256i vec256_two_rows(const int8_t *low, const int8_t *high, int64_t at)
{
    return _mm256_set_m128i(_mm_loadu_si128((const __m128i *)(high + at)),
                            _mm_loadu_si128((const __m128i *)(low + at)));
}

/* The same of bytes at .. at + 15, from the first on: four of them stay together until they
 * are stored, which takes a quarter of the shuffles. */
vec256_FUNCTION void vec256_read_16(const int8_t *const *row, int64_t at, int64_t sites,
                                    real *to, int64_t pitch)
{
    for (int i = 0; i < ARCH_LANES; i += 8, row += 8, to += 8) {
        const __m256i a = vec256_two_rows(row[0], row[4], at),
                      b = vec256_two_rows(row[1], row[5], at),
                      c = vec256_two_rows(row[2], row[6], at),
                      d = vec256_two_rows(row[3], row[7], at);
        const __m256i p = _mm256_unpacklo_epi32(a, b), q = _mm256_unpacklo_epi32(c, d),
                      r = _mm256_unpackhi_epi32(a, b), s = _mm256_unpackhi_epi32(c, d);
        vec256_store_bytes(to, pitch, _mm256_unpacklo_epi64(p, q), sites);
        vec256_store_bytes(to + 4 * pitch, pitch, _mm256_unpackhi_epi64(p, q), sites - 4);
        vec256_store_bytes(to + 8 * pitch, pitch, _mm256_unpacklo_epi64(r, s), sites - 8);
        vec256_store_bytes(to + 12 * pitch, pitch, _mm256_unpackhi_epi64(r, s), sites - 12);
    }
}

/* Fills the halo behind x [sites][ghost][halo], with `sites` before the ghost. */
vec256_FUNCTION void vec256_fill_halo(const Halo *halo, real *x, int64_t channels,
                                      int64_t sites)
{
#ifdef ARCH_REAL_F64
    fill_halo(halo, x, channels, sites);
#else
    const int64_t row = channels * ARCH_LANES;
    const __m256i seven = _mm256_set1_epi32(7);
    real *to = x + (sites + 1) * row;
    for (int64_t h = 0; h < halo->sites; h++) {
        const real *from = x + halo->from[h] * row;
        for (int half = 0; half < 2; half++) {
            const int32_t *source = halo->lane + h * ARCH_LANES + half * 8;
            const __m256i lane = _mm256_loadu_si256((const __m256i *)source);
            const vec256 upper = _mm256_castsi256_ps(_mm256_cmpgt_epi32(lane, seven));
            const vec256 none = _mm256_castsi256_ps(lane); /* its sign */
            for (int64_t c = 0; c < channels; c++) {
                const vec256 a = vec256_load(from + c * ARCH_LANES),
                             b = vec256_load(from + c * ARCH_LANES + 8);
                const vec256 either =
                    _mm256_blendv_ps(_mm256_permutevar8x32_ps(a, lane),
                                     _mm256_permutevar8x32_ps(b, lane), upper);
                vec256_store(to + c * ARCH_LANES + half * 8,
                             _mm256_blendv_ps(either, vec256_set(0), none));
            }
        }
        to += row;
    }
#endif
}

/* Number j of vector i becomes number i of vector j: 16 vectors of 16 at x, to rows `pitch`
 * numbers apart. */
vec256_FUNCTION void vec256_transpose(const real *x, real *to, int64_t pitch)
{
#ifdef ARCH_REAL_F64
    for (int i = 0; i < ARCH_LANES; i++)
        for (int j = 0; j < ARCH_LANES; j++)
            to[i * pitch + j] = x[j * ARCH_LANES + i];
#else
    for (int i = 0; i < ARCH_LANES; i += 4, x += 4)
        for (int j = 0; j < ARCH_LANES; j += 8) {
            __m256 a[4]; /* numbers i .. i + 3 of vectors j + k and j + k + 4 */
            for (int k = 0; k < 4; k++) {
                const real *from = x + (j + k) * ARCH_LANES;
                a[k] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_load_ps(from)),
                                            _mm_load_ps(from + 4 * ARCH_LANES), 1);
            }
            const __m256 p = _mm256_unpacklo_ps(a[0], a[1]), q = _mm256_unpacklo_ps(a[2], a[3]),
                         r = _mm256_unpackhi_ps(a[0], a[1]), s = _mm256_unpackhi_ps(a[2], a[3]);
            real *row = to + i * pitch + j;
            vec256_store(row, _mm256_shuffle_ps(p, q, 0x44));
            vec256_store(row + pitch, _mm256_shuffle_ps(p, q, 0xee));
            vec256_store(row + 2 * pitch, _mm256_shuffle_ps(r, s, 0x44));
            vec256_store(row + 3 * pitch, _mm256_shuffle_ps(r, s, 0xee));
        }
#endif
}
