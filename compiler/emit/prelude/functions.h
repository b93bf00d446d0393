/* ---- functions of one number ---- */

#ifdef ARCH_REAL_F64
#define REAL_FUNCTION(name) name
#else
#define REAL_FUNCTION(name) name##f
#endif

INLINE real real_tanh(real x)
{
    return REAL_FUNCTION(tanh)(x);
}

INLINE real real_sigmoid(real x)
{
    return 1 / (1 + REAL_FUNCTION(exp)(-x));
}
