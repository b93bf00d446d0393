/* ---- how fast a call can be ---- */

/* Long sums run over strips of 64 sites. */
INLINE double strips(int64_t sites)
{
    return (double)((sites + 63) / 64);
}

/* How much of a block that holds `work` bytes near memory cannot keep. */
INLINE double far_part(double work)
{
    return work > CACHE_BYTES ? 1 - CACHE_BYTES / work : 0;
}
