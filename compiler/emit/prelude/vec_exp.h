/* ---- sigmoid and tanh, by vectors ---- */

#ifdef ARCH_REAL_F64
#define EXP_LOWEST -708.396
#define EXP_TERMS 13
#define ROUNDING 0x1.8p52
#define LN2_HIGH 0x1.62e42feep-1
#define LN2_LOW 0x1.a39ef35793c76p-33
#else
#define EXP_LOWEST -87.336
#define EXP_TERMS 7
#define ROUNDING 0x1.8p23f
#define LN2_HIGH 0x1.63p-1f
#define LN2_LOW -0x1.bd0106p-13f
#endif

/* exp(x) = s + s p for x <= 0, where s = 2^n, x = n ln 2 + r with |r| <= ln(2) / 2, and
 * p = exp(r) - 1 by its series.  A number plus ROUNDING is rounded to an integer, n, which
 * stands in the last bits of the sum; products of n with LN2_HIGH are exact (Cody and Waite,
 * Software Manual for the Elementary Functions, 1980, chapter 6).  Below EXP_LOWEST as there:
 * the least number that is normal. */
@_FUNCTION @ @_exp_minus_one(@ x, @ *s)
{
    static const real inverse_factorial[] = {
        1, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320, 1. / 362880,
        1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800};
    const @ rounding = @_set((real)ROUNDING);
    x = @_max(@_set((real)EXP_LOWEST), x);
    const @ sum = @_fma(x, @_set((real)1.4426950408889634), rounding);
    const @ n = @_sub(sum, rounding);
    @ r = @_fma(n, @_set(-(real)LN2_HIGH), x);
    r = @_fma(n, @_set(-(real)LN2_LOW), r);
    @ p = @_set(inverse_factorial[EXP_TERMS - 1]);
    UNROLLED
    for (int k = EXP_TERMS - 2; k >= 0; k--)
        p = @_fma(p, r, @_set(inverse_factorial[k]));
    *s = @_power_of_two(sum);
    return @_mul(p, r);
}

@_FUNCTION @ @_minus_abs(@ x)
{
    const @ minus = @_sub(@_set(0), x);
    return @_sub(@_set(0), @_max(x, minus));
}

/* 1 / (1 + e^-x), of numbers that cannot overflow; 0 in place of what is not normal. */
@_FUNCTION @ @_sigmoid(@ x)
{
    const @ one = @_set(1);
    const @ down = @_minus_abs(x), lowest = @_set((real)EXP_LOWEST);
    @ s;
    const @ p = @_exp_minus_one(down, &s),
            e = @_gt(lowest, down, @_set(0), @_fma(s, p, s));
    return @_div(@_gt(x, @_set(0), one, e), @_add(one, e));
}

/* (1 - e^-2|x|) / (1 + e^-2|x|), with the sign of x. */
@_FUNCTION @ @_tanh(@ x)
{
    const @ one = @_set(1), down = @_minus_abs(x);
    @ s;
    const @ p = @_exp_minus_one(@_add(down, down), &s), e = @_fma(s, p, @_sub(s, one));
    const @ y = @_div(e, @_add(@_set(2), e));
    return @_gt(x, @_set(0), @_sub(@_set(0), y), y);
}
