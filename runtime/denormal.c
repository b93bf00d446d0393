#include "denormal.h"

#ifdef __SSE2__
#    include <xmmintrin.h>

#    define FLUSH_TO_ZERO      0x8000u
#    define DENORMALS_ARE_ZERO 0x0040u

unsigned denormal_flush(void)
{
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
    return before;
}

void denormal_restore(unsigned before)
{
    _mm_setcsr(before);
}
#else
unsigned denormal_flush(void)
{
    return 0;
}

void denormal_restore(unsigned before)
{
    (void)before;
}
#endif
