/* ---- CUDA: where fields lie ---- */

/* Of `size` numbers, in use from epoch or pass `first` to `last`. */
typedef struct CudaField {
    int first, last;
    int64_t size;
    int *offset; /* to be found; -1: not yet */
} CudaField;

INLINE int cuda_sites(int axes, const int *extent)
{
    int64_t sites = 1;
    for (int axis = 0; axis < axes && sites; axis++)
        sites = extent[axis] < 1 || extent[axis] > (1 << 30) / sites ? 0 : sites * extent[axis];
    return (int)sites;
}

/* Sites of a tile, and tiles, where a lattice is cut into tiles of `tile` sites. */
INLINE int64_t cuda_tile(int tile, int sites)
{
    return sites < tile ? sites : tile;
}

INLINE int64_t cuda_tiles(int tile, int sites)
{
    return ((int64_t)sites + tile - 1) / tile;
}

/* The end of the first field in the way of `f` at `offset`, or -1. */
INLINE int64_t cuda_in_the_way(const CudaField *field, int count, const CudaField *f,
                               int64_t offset)
{
    for (int i = 0; i < count; i++) {
        const CudaField *g = &field[i];
        const int64_t end = *g->offset + g->size;
        if (*g->offset >= 0 && g->first <= f->last && f->first <= g->last &&
            *g->offset < offset + f->size && offset < end)
            return end;
    }
    return -1;
}

/* Places the largest first, each as low as it can lie; returns the numbers needed, 0 if more
 * than an index can count. */
INLINE int64_t cuda_place(CudaField *field, int count)
{
    int64_t used = 16;
    for (int i = 0; i < count; i++) {
        *field[i].offset = -1;
        field[i].size = (field[i].size + 3) / 4 * 4;
    }
    for (int done = 0; done < count; done++) {
        CudaField *f = NULL;
        for (int i = 0; i < count; i++)
            if (*field[i].offset < 0 && (!f || field[i].size > f->size))
                f = &field[i];
        int64_t offset = 0, next;
        while ((next = cuda_in_the_way(field, count, f, offset)) >= 0)
            offset = next;
        if (offset + f->size > 0x7fffffff)
            return 0;
        *f->offset = (int)offset;
        used = offset + f->size > used ? offset + f->size : used;
    }
    return (used + 15) / 16 * 16;
}

/* A launch of a call whose samples are spread over the grid. */
typedef struct CudaPass {
    const char *kernel;
    enum { CUDA_ALWAYS, CUDA_DX, CUDA_DPARAMS } when; /* what has to be asked for */
} CudaPass;

typedef struct CudaPasses {
    const CudaPass *pass;
    int count;
} CudaPasses;
