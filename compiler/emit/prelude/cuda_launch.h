/* ---- CUDA: launches ---- */

enum {
    CUDA_THREADS = 256,
    CUDA_BLOCKS_RESIDENT = 32,
    CUDA_BLOCKS_GRID = 2, /* of a multiprocessor: what its registers allow       */
    CUDA_TILE_MOST = 256,
    CUDA_TILE_LEAST = 32, /* smaller ones only where shared memory asks for them */
    CUDA_ROUND_TILES = 8, /* of a round, for every block                         */
    CUDA_ROUND_BYTES = 1 << 28
};

INLINE int64_t cuda_instances(const ArchCall *call)
{
    return call->instances ? call->instances : 1;
}

INLINE size_t cuda_rounded(int64_t bytes)
{
    return ((size_t)bytes + 255) / 256 * 256;
}

/* Blocks that one multiprocessor can hold. */
INLINE int64_t cuda_resident(const ArchCudaPlan *plan, const ArchCudaDevice *device)
{
    int64_t fit = (int64_t)(device->shared_total / (plan->shared_bytes + 1024));
    const int64_t threads = 2048 / plan->threads;
    const int64_t most = plan->in_shared ? threads : CUDA_BLOCKS_GRID;
    fit = fit < most ? fit : most;
    fit = fit < CUDA_BLOCKS_RESIDENT ? fit : CUDA_BLOCKS_RESIDENT;
    return fit > 1 ? fit : 1;
}

/* Where the pieces of `work` begin: sums of the blocks, their losses, values of samples. */
typedef struct CudaWork {
    size_t losses, fields, end;
} CudaWork;

INLINE CudaWork cuda_work(const ArchCall *call, const ArchCudaPlan *plan, int64_t far)
{
    const int64_t instances = cuda_instances(call), blocks = instances * plan->blocks;
    CudaWork w = {0, 0, 0};
    if (plan->what != ARCH_FORWARD)
        w.losses = cuda_rounded(blocks * PARAMS * (int64_t)sizeof(real));
    w.fields = w.losses;
    if (plan->what == ARCH_GRADIENT)
        w.fields += cuda_rounded(blocks * (int64_t)sizeof(double));
    w.end = w.fields;
    if (!plan->in_shared)
        w.end += cuda_rounded(instances * plan->round * far * (int64_t)sizeof(real));
    return w;
}

static size_t cuda_scratch(const ArchCudaPlan *plan)
{
    return plan->what == ARCH_GRADIENT ? sizeof(double) * (size_t)plan->threads : 0;
}

/* A sample in a block, if it fits; but one of the few large ones, which would leave most of
 * the device idle for longer than some launches take, is better spread. */
static int cuda_on_block(CudaFrame *f, const ArchCall *call, const ArchCudaDevice *device,
                         ArchCudaPlan *plan)
{
    const int64_t fields = cuda_fields(f, plan->what);
    const size_t bytes = cuda_scratch(plan) + (size_t)fields * sizeof(real);
    const int few = call->batch * cuda_instances(call) * 4 <= device->multiprocessors;
    plan->in_shared = fields && bytes <= device->shared_block &&
                      !(few && cuda_fma(f, plan->what) > 2e6);
    if (!plan->in_shared)
        return 0;
    plan->shared_bytes = bytes;
    plan->round = call->batch;
    plan->passes = 1;
    const int64_t all = device->multiprocessors * cuda_resident(plan, device);
    const int64_t instances = cuda_instances(call);
    plan->blocks = (all + instances - 1) / instances;
    if (plan->blocks > call->batch)
        plan->blocks = call->batch > 0 ? call->batch : 1;
    return 1;
}

/* Bytes of shared memory for tiles of so many sites; 0: too many to count. */
static size_t cuda_tile_bytes(CudaFrame *f, const ArchCudaPlan *plan, int tile)
{
    f->tile = tile;
    const int64_t near = cuda_near(f, plan->what);
    return near ? cuda_scratch(plan) + (size_t)near * sizeof(real) : 0;
}

/* Sites of a tile: many, but so that two blocks share a multiprocessor and none is without
 * work; 0 if not even a single site fits. */
static int cuda_choose_tile(CudaFrame *f, const ArchCall *call, const ArchCudaDevice *device,
                            ArchCudaPlan *plan)
{
    const int64_t units = call->batch * cuda_instances(call) * cuda_sites_most(f);
    const int64_t all = (int64_t)device->multiprocessors * CUDA_BLOCKS_GRID;
    const size_t half = device->shared_total / 2;
    for (int whole = 0; whole < 2; whole++)
        for (int tile = CUDA_TILE_MOST; tile > 0; tile /= 2) {
            const size_t bytes = cuda_tile_bytes(f, plan, tile);
            const int fits = bytes && bytes <= device->shared_block &&
                             (whole || bytes + 1024 <= half);
            if (!fits || (tile > CUDA_TILE_LEAST && units < all * tile))
                continue;
            if (!whole && tile < CUDA_TILE_LEAST)
                break;
            plan->shared_bytes = bytes;
            return tile;
        }
    return 0;
}

/* Samples at once: enough that every block has some tiles, if they have room; more would
 * only leave the caches. */
static int64_t cuda_round(const ArchCall *call, int64_t tiles, int64_t blocks, int64_t far)
{
    const int64_t bytes = cuda_instances(call) * far * (int64_t)sizeof(real);
    const int64_t busy = (CUDA_ROUND_TILES * blocks + tiles - 1) / tiles;
    int64_t round = CUDA_ROUND_BYTES / bytes < busy ? CUDA_ROUND_BYTES / bytes : busy;
    round = round < call->batch ? round : call->batch;
    return round > 1 ? round : 1;
}

static int cuda_on_grid(CudaFrame *f, const ArchCall *call, const ArchCudaDevice *device,
                        ArchCudaPlan *plan)
{
    const int64_t instances = cuda_instances(call);
    plan->tile = f->tile = cuda_choose_tile(f, call, device, plan);
    const int64_t far = plan->tile ? cuda_far(f, plan->what) : 0;
    if (!far)
        return 0;
    const int64_t all = device->multiprocessors * cuda_resident(plan, device);
    const int64_t tiles = cuda_tiles(plan->tile, cuda_sites_most(f));
    plan->blocks = (all + instances - 1) / instances;
    plan->round = cuda_round(call, tiles, plan->blocks, far);
    plan->passes = (int)((call->batch + plan->round - 1) / plan->round) * cuda_pass[plan->what].count;
    plan->passes = plan->passes ? plan->passes : 1;
    if (plan->blocks > tiles * plan->round)
        plan->blocks = tiles * plan->round;
    return 1;
}

static int cuda_plan(const ArchCall *call, ArchWhat what, const ArchCudaDevice *device,
                     ArchCudaPlan *plan)
{
    CudaFrame f;
    memset(&f, 0, sizeof f);
    if (!cuda_extents(&f, call->extent))
        return 0;
    const int64_t tables = cuda_tables(&f, NULL);
    if (!cuda_kernel[what] || tables > 0x7fffffff)
        return 0;
    f.tile = 1;
    int64_t threads = (cuda_items(&f, what) + 31) / 32 * 32;
    const int64_t most = device->threads < CUDA_THREADS ? device->threads : CUDA_THREADS;
    threads = threads < 32 ? 32 : threads > most ? most : threads;
    *plan = (ArchCudaPlan){.what = what, .threads = (int)threads};
    if (!cuda_on_block(&f, call, device, plan) && !cuda_on_grid(&f, call, device, plan))
        return 0;
    plan->table_bytes = cuda_rounded(tables * (int64_t)sizeof(int));
    plan->work_bytes = cuda_work(call, plan, plan->in_shared ? 0 : cuda_far(&f, what)).end;
    return 1;
}

static void cuda_strides(CudaFrame *f, const ArchCall *call)
{
    int given = 0;
    int64_t size = 1;
    for (int k = 0; k < 2 + AXES; k++)
        given |= call->x_stride[k] != 0;
    for (int k = 1 + AXES; k >= 0; k--) {
        f->x_stride[k] = given ? call->x_stride[k] : size;
        size *= k >= 2 ? call->extent[k - 2] : k == 1 ? CHANNELS : 1;
    }
}

/* The arrays of a planned call, and where its values lie in them. */
static void cuda_fill(CudaFrame *f, const ArchCall *call, const ArchCudaPlan *plan,
                      const ArchCudaArrays *arrays)
{
    int64_t far = 0;
    f->tile = plan->tile;
    if (plan->in_shared) {
        cuda_fields(f, plan->what);
    } else {
        cuda_near(f, plan->what);
        far = cuda_far(f, plan->what);
    }
    const CudaWork w = cuda_work(call, plan, far);
    char *work = (char *)arrays->work;
    f->blocks = plan->blocks;
    f->room = plan->round;
    f->fields = far;
    f->work = (real *)(work + w.fields);
    if (plan->what == ARCH_GRADIENT)
        f->losses = (double *)(work + w.losses);
    if (plan->what != ARCH_FORWARD && arrays->dparams)
        f->sums = (real *)work;
    f->target = (const real *)arrays->target;
    f->dy = (const real *)arrays->dy;
    f->y = (real *)arrays->y;
    f->dx = (real *)arrays->dx;
    f->dparams = (real *)arrays->dparams;
    f->loss = arrays->loss;
    f->terms = plan->what == ARCH_GRADIENT ? (double)call->batch * OUTPUTS * cuda_output(f) : 1;
}

/* Which samples pass `pass` is for, and the kernel; 0 if nobody asks for what it makes. */
static int cuda_find_pass(CudaFrame *f, const ArchCall *call, const ArchCudaPlan *plan, int pass,
                          ArchCudaLaunch *launch)
{
    launch->grid[0] = (unsigned)plan->blocks;
    launch->threads = plan->threads;
    launch->shared_bytes = plan->shared_bytes;
    launch->kernel = cuda_kernel[plan->what];
    if (plan->in_shared)
        return pass == 0;
    const CudaPasses *all = &cuda_pass[plan->what];
    const CudaPass *own = &all->pass[pass % all->count];
    f->first = pass / all->count * plan->round;
    f->round = call->batch - f->first < plan->round ? call->batch - f->first : plan->round;
    launch->kernel = own->kernel;
    const int wanted = own->when == CUDA_ALWAYS || (own->when == CUDA_DX && f->dx) ||
                       (own->when == CUDA_DPARAMS && f->sums);
    return wanted || pass == 0; /* which clears the sums */
}

static int cuda_launch(const ArchCall *call, const ArchCudaPlan *plan,
                       const ArchCudaArrays *arrays, ArchCudaStage stage, int pass,
                       ArchCudaLaunch *launch)
{
    CudaFrame f;
    memset(&f, 0, sizeof f);
    if (stage != ARCH_CUDA_PACK) {
        cuda_extents(&f, call->extent);
        cuda_tables(&f, (int *)arrays->tables);
    }
    f.params = (const real *)arrays->params;
    f.packed = (real *)arrays->packed;
    f.x = call->x;
    f.x_type = (int)call->x_type;
    cuda_strides(&f, call);
    f.index = call->index;
    f.index_stride = call->index_stride;
    f.batch = call->batch;
    if (plan)
        cuda_fill(&f, call, plan, arrays);
    *launch = (ArchCudaLaunch){.threads = CUDA_THREADS, .argument_bytes = sizeof f};
    launch->grid[0] = 64;
    launch->grid[1] = (unsigned)(stage == ARCH_CUDA_TABLES ? 1 : cuda_instances(call));
    int wanted = 1;
    switch (stage) {
    case ARCH_CUDA_PACK: launch->kernel = cuda_kernel_pack; break;
    case ARCH_CUDA_TABLES: launch->kernel = cuda_kernel_tables; break;
    case ARCH_CUDA_RUN: wanted = cuda_find_pass(&f, call, plan, pass, launch); break;
    case ARCH_CUDA_REDUCE:
        launch->kernel = cuda_kernel_reduce;
        wanted = f.sums || f.losses;
        break;
    }
    memcpy(launch->argument, &f, sizeof f);
    return wanted;
}
