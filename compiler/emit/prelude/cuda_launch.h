/* ---- CUDA: launches ---- */

enum { CUDA_THREADS = 256, CUDA_BLOCKS_RESIDENT = 32, CUDA_BLOCKS_GLOBAL = 2 };

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
    if (!plan->in_shared)
        return CUDA_BLOCKS_GLOBAL;
    int64_t fit = (int64_t)(device->shared_total / (plan->shared_bytes + 1024));
    const int64_t threads = 2048 / plan->threads;
    fit = fit < threads ? fit : threads;
    fit = fit < CUDA_BLOCKS_RESIDENT ? fit : CUDA_BLOCKS_RESIDENT;
    return fit > 1 ? fit : 1;
}

/* Where the pieces of `work` begin: sums of the blocks, their losses, their fields. */
typedef struct CudaWork {
    size_t losses, fields, end;
} CudaWork;

INLINE CudaWork cuda_work(const ArchCall *call, const ArchCudaPlan *plan, int64_t fields)
{
    const int64_t blocks = cuda_instances(call) * plan->blocks;
    CudaWork w = {0, 0, 0};
    if (plan->what != ARCH_FORWARD)
        w.losses = cuda_rounded(blocks * PARAMS * (int64_t)sizeof(real));
    w.fields = w.losses;
    if (plan->what == ARCH_GRADIENT)
        w.fields += cuda_rounded(blocks * (int64_t)sizeof(double));
    w.end = w.fields;
    if (!plan->in_shared)
        w.end += cuda_rounded(blocks * fields * (int64_t)sizeof(real));
    return w;
}

static int cuda_plan(const ArchCall *call, ArchWhat what, const ArchCudaDevice *device,
                     ArchCudaPlan *plan)
{
    CudaFrame f;
    memset(&f, 0, sizeof f);
    if (!cuda_extents(&f, call->extent))
        return 0;
    const int64_t fields = cuda_fields(&f, what);
    if (!fields)
        return 0;
    int64_t threads = (cuda_items(&f, what) + 31) / 32 * 32;
    const int64_t most = device->threads < CUDA_THREADS ? device->threads : CUDA_THREADS;
    threads = threads < 32 ? 32 : threads > most ? most : threads;
    *plan = (ArchCudaPlan){.what = what, .threads = (int)threads, .passes = 1};
    const size_t scratch = what == ARCH_GRADIENT ? sizeof(double) * (size_t)threads : 0;
    plan->shared_bytes = scratch + (size_t)fields * sizeof(real);
    plan->in_shared = plan->shared_bytes <= device->shared_block;
    if (!plan->in_shared)
        plan->shared_bytes = scratch;
    const int64_t all = device->multiprocessors * cuda_resident(plan, device);
    const int64_t instances = cuda_instances(call);
    plan->blocks = (all + instances - 1) / instances;
    if (plan->blocks > call->batch)
        plan->blocks = call->batch > 0 ? call->batch : 1;
    plan->table_bytes = cuda_rounded(cuda_tables(&f, NULL) * (int64_t)sizeof(int));
    plan->work_bytes = cuda_work(call, plan, fields).end;
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

static int cuda_launch(const ArchCall *call, const ArchCudaPlan *plan,
                       const ArchCudaArrays *arrays, ArchCudaStage stage,
                       int pass, ArchCudaLaunch *launch)
{
    CudaFrame f;
    memset(&f, 0, sizeof f);
    if (stage != ARCH_CUDA_PACK) {
        cuda_extents(&f, call->extent);
        cuda_tables(&f, (int *)arrays->tables);
    }
    const int64_t fields = plan ? cuda_fields(&f, plan->what) : 0;
    const int64_t instances = cuda_instances(call);
    f.params = (const real *)arrays->params;
    f.packed = (real *)arrays->packed;
    f.x = call->x;
    f.x_type = (int)call->x_type;
    cuda_strides(&f, call);
    f.index = call->index;
    f.index_stride = call->index_stride;
    f.batch = call->batch;
    *launch = (ArchCudaLaunch){.threads = CUDA_THREADS, .argument_bytes = sizeof f};
    launch->grid[0] = 64;
    launch->grid[1] = (unsigned)(stage == ARCH_CUDA_TABLES ? 1 : instances);
    if (plan) {
        const CudaWork w = cuda_work(call, plan, fields);
        char *work = (char *)arrays->work;
        f.blocks = plan->blocks;
        f.fields = fields;
        f.work = (real *)(work + w.fields);
        if (plan->what == ARCH_GRADIENT)
            f.losses = (double *)(work + w.losses);
        if (plan->what != ARCH_FORWARD && arrays->dparams)
            f.sums = (real *)work;
        f.target = (const real *)arrays->target;
        f.dy = (const real *)arrays->dy;
        f.y = (real *)arrays->y;
        f.dx = (real *)arrays->dx;
        f.dparams = (real *)arrays->dparams;
        f.loss = arrays->loss;
        f.terms = plan->what == ARCH_GRADIENT ? (double)call->batch * OUTPUTS * cuda_output(&f) : 1;
    }
    memcpy(launch->argument, &f, sizeof f);
    switch (stage) {
    case ARCH_CUDA_PACK: launch->kernel = cuda_kernel_pack; return 1;
    case ARCH_CUDA_TABLES: launch->kernel = cuda_kernel_tables; return 1;
    case ARCH_CUDA_RUN:
        launch->kernel = cuda_kernel[plan->what][plan->in_shared];
        launch->grid[0] = (unsigned)plan->blocks;
        launch->threads = plan->threads;
        launch->shared_bytes = plan->shared_bytes;
        return pass < plan->passes;
    case ARCH_CUDA_REDUCE:
        launch->kernel = cuda_kernel_reduce;
        return f.sums || f.losses;
    }
    return 0;
}
