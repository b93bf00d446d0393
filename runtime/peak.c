#include "peak.h"

#include "progress.h"

/* Enough independent chains to hide a latency of 4 cycles on two units, few enough for 16
 * registers. */
#define CHAINS 12
#define ROUNDS 2000

#if defined __x86_64__ && defined __GNUC__
#    define HAVE_X86 1
#    include <immintrin.h>
#endif

/* One loop: a <- a f + g in every chain, which stays near 1.  The empty asm keeps each chain
 * in its own register and every operation in place. */
#define STEP(a, fma)  \
    a = fma(a, f, g); \
    KEEP(a)
#define PEAK_LOOP(name, attribute, vec, set1, fma, number)                             \
    attribute static double name(long rounds)                                          \
    {                                                                                  \
        const vec f = set1((number)0.999), g = set1((number)0.001),                    \
                  s = set1((number)1.01);                                              \
        vec a = s, b = s, c = s, d = s, h = s, j = s, k = s, l = s, m = s, n = s,      \
            o = s, p = s;                                                              \
        for (long i = 0; i < rounds; i++) {                                            \
            STEP(a, fma);                                                              \
            STEP(b, fma);                                                              \
            STEP(c, fma);                                                              \
            STEP(d, fma);                                                              \
            STEP(h, fma);                                                              \
            STEP(j, fma);                                                              \
            STEP(k, fma);                                                              \
            STEP(l, fma);                                                              \
            STEP(m, fma);                                                              \
            STEP(n, fma);                                                              \
            STEP(o, fma);                                                              \
            STEP(p, fma);                                                              \
        }                                                                              \
        return 2.0 * CHAINS * (double)(sizeof(vec) / sizeof(number)) * (double)rounds; \
    }

#ifdef HAVE_X86
#    define KEEP(x) __asm__ volatile("" : "+v"(x))
#    define AVX512  __attribute__((target("avx512f"), noinline))
#    define AVX2    __attribute__((target("avx2,fma"), noinline))
PEAK_LOOP(avx512_f32, AVX512, __m512, _mm512_set1_ps, _mm512_fmadd_ps, float)
PEAK_LOOP(avx512_f64, AVX512, __m512d, _mm512_set1_pd, _mm512_fmadd_pd, double)
PEAK_LOOP(avx2_f32, AVX2, __m256, _mm256_set1_ps, _mm256_fmadd_ps, float)
PEAK_LOOP(avx2_f64, AVX2, __m256d, _mm256_set1_pd, _mm256_fmadd_pd, double)

/* Without a fused operation the peak is a multiplication and an addition. */
#    define MUL_ADD_PS(a, f, g) _mm_add_ps(_mm_mul_ps(a, f), g)
#    define MUL_ADD_PD(a, f, g) _mm_add_pd(_mm_mul_pd(a, f), g)
#    undef KEEP
#    define KEEP(x) __asm__ volatile("" : "+x"(x))
#    define PLAIN   __attribute__((noinline))
PEAK_LOOP(plain_f32, PLAIN, __m128, _mm_set1_ps, MUL_ADD_PS, float)
PEAK_LOOP(plain_f64, PLAIN, __m128d, _mm_set1_pd, MUL_ADD_PD, double)
#else
#    define KEEP(x)          __asm__ volatile("" : "+m"(x))
#    define SET1(x)          (x)
#    define MUL_ADD(a, f, g) ((a) * (f) + (g))
PEAK_LOOP(plain_f32, , float, SET1, MUL_ADD, float)
PEAK_LOOP(plain_f64, , double, SET1, MUL_ADD, double)
#endif

bool peak_has(ArchIsa isa)
{
    switch (isa) {
    case ARCH_ISA_BEST:
    case ARCH_ISA_PLAIN: return true;
#ifdef HAVE_X86
    case ARCH_ISA_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case ARCH_ISA_AVX512: return __builtin_cpu_supports("avx512f");
#else
    case ARCH_ISA_AVX2:
    case ARCH_ISA_AVX512: return false;
#endif
    }
    return false;
}

ArchIsa peak_best(void)
{
    if (peak_has(ARCH_ISA_AVX512))
        return ARCH_ISA_AVX512;
    return peak_has(ARCH_ISA_AVX2) ? ARCH_ISA_AVX2 : ARCH_ISA_PLAIN;
}

const char *peak_name(ArchIsa isa)
{
    static const char *const name[] = {"best", "plain", "avx2", "avx512"};
    return name[isa];
}

static double run_loop(ArchIsa isa, ArchType real, long rounds)
{
    bool is_double = real == ARCH_F64;
    (void)isa;
#ifdef HAVE_X86
    if (isa == ARCH_ISA_AVX512)
        return is_double ? avx512_f64(rounds) : avx512_f32(rounds);
    if (isa == ARCH_ISA_AVX2)
        return is_double ? avx2_f64(rounds) : avx2_f32(rounds);
#endif
    return is_double ? plain_f64(rounds) : plain_f32(rounds);
}

double peak_burst(ArchIsa isa, ArchType real, double seconds)
{
    double start = progress_clock(), now = start, operations = 0;
    isa = isa == ARCH_ISA_BEST ? peak_best() : isa;
    do {
        operations += run_loop(isa, real, ROUNDS);
        now = progress_clock();
    } while (now - start < seconds);
    return operations / (now - start);
}
