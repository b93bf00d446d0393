#include "plan/cuda.h"

#include <stdlib.h>

/* Launches in the order in which they are possible: what reads a value at another site, or
 * on another lattice, than where it was made comes at least one level later.  A pass is
 * what one level does on one lattice. */
typedef struct Passer {
    Cuda *z;
    const CudaSteps *f;
    CudaPasses *p;
    int *level, *walk; /* [steps] */
} Passer;

int cuda_walk(Cuda *z, const CudaStep *step)
{
    const Node *n = graph_node(z->g, step->value);
    Val at = step->value;
    bool of_operand = step->kind == CUDA_WEIGHT || step->kind == CUDA_BIAS ||
                      step->kind == CUDA_POOL || step->kind == CUDA_LOSS ||
                      (step->kind == CUDA_MOVE && n->op == OP_FLATTEN);
    return cuda_lattice(z, of_operand ? n->arg[0] : at);
}

static bool is_pool(const Passer *q, int home)
{
    return q->f->step[home].kind == CUDA_POOL;
}

/* Operand k of the root is read at the site that is made. */
static bool same_site(const Cuda *z, const Node *n, int k)
{
    const Shape *shape = &n->shape;
    if (n->op == OP_CONV_DW)
        return k == 0 || cuda_same_site(n, &graph_node(z->g, n->arg[0])->shape);
    if (n->op == OP_CONV || n->op == OP_CONV_DX)
        return cuda_same_site(n, shape);
    return op_info[n->op].class != WINDOW;
}

typedef void Reader(Passer *q, int step, Val v, bool same_site);

static void each_read(Passer *q, int i, Reader *reader)
{
    const CudaStep *step = &q->f->step[i];
    const Node *n = graph_node(q->z->g, step->value);
    if (step->load || step->kind == CUDA_WRITE)
        reader(q, i, step->value, true);
    for (int k = 0; !step->load && step->kind != CUDA_WRITE && k < OPERANDS_MAX; k++)
        reader(q, i, n->arg[k], same_site(q->z, n, k));
    for (int c = 0; c < step->chains; c++) {
        const Node *point = graph_node(q->z->g, step->chain[c]);
        for (int k = 0; k < op_info[point->op].operands; k++)
            reader(q, i, point->arg[k], true);
    }
}

static int level_made(const Passer *q, int home)
{
    return q->level[home] + is_pool(q, home);
}

static int lattice_made(const Passer *q, int home, Val v)
{
    return is_pool(q, home) ? cuda_lattice(q->z, v) : q->walk[home];
}

static void raise_level(Passer *q, int i, Val v, bool same_site)
{
    int home = q->f->home[v.i];
    if (!v.i || home < 0 || home == i)
        return;
    bool here = same_site && lattice_made(q, home, v) == q->walk[i] &&
                cuda_lattice(q->z, v) == q->walk[i];
    int level = level_made(q, home) + !here;
    if (q->level[i] < level)
        q->level[i] = level;
}

static void mark_far(Passer *q, int i, Val v, bool same_site)
{
    int home = q->f->home[v.i];
    if (!v.i || home < 0 || home == i)
        return;
    if (!same_site || level_made(q, home) != q->level[i] ||
        lattice_made(q, home, v) != q->walk[i] ||
        (graph_node(q->z->g, v)->shape.rank == 0 &&
         graph_node(q->z->g, v)->shape.channels > CUDA_NEAR))
        q->p->far[v.i] = true;
}

/* The number of the pass, which is new if it is not there yet: passes are in order. */
static int pass_of(Passer *q, const int *key, int keys, int level, int lattice)
{
    int lattices = q->z->b->p->lattices, pass = 0;
    for (int k = 0; k < keys; k++)
        pass += key[k] < level * lattices + lattice;
    q->p->lattice[pass] = lattice;
    return pass;
}

static int compare(const void *x, const void *y)
{
    return *(const int *)x - *(const int *)y;
}

static int find_keys(const Passer *q, int *key)
{
    int lattices = q->z->b->p->lattices, keys = 0, all = 0;
    for (int i = 0; i < q->f->steps; i++) {
        key[all++] = q->level[i] * lattices + q->walk[i];
        if (is_pool(q, i))
            key[all++] =
                (q->level[i] + 1) * lattices + cuda_lattice(q->z, q->f->step[i].value);
    }
    qsort(key, (size_t)all, sizeof *key, compare);
    for (int i = 0; i < all; i++)
        if (i == 0 || key[i] != key[i - 1])
            key[keys++] = key[i];
    return keys;
}

CudaPasses *cuda_passes(Cuda *z, Arena *a)
{
    const CudaSteps *f = z->steps;
    int steps = f->steps;
    CudaPasses *p = NEW(a, CudaPasses);
    *p = (CudaPasses){.of_step = NEW_ARRAY(a, int, steps + 1),
                      .pool = NEW_ARRAY(a, int, steps + 1),
                      .lattice = NEW_ARRAY(a, int, 2 * steps + 1),
                      .far = NEW_ARRAY(a, bool, z->g->nodes)};
    Passer q = {.z = z,
                .f = f,
                .p = p,
                .level = NEW_ARRAY(a, int, steps + 1),
                .walk = NEW_ARRAY(a, int, steps + 1)};
    for (int i = 0; i < steps; i++)
        q.walk[i] = cuda_walk(z, &f->step[i]);
    for (int i = 0; i < steps; i++)
        each_read(&q, i, raise_level);
    for (int i = 0; i < steps; i++)
        each_read(&q, i, mark_far);
    int *key = NEW_ARRAY(a, int, 2 * steps + 1);
    p->passes = find_keys(&q, key);
    for (int i = 0; i < steps; i++) {
        p->of_step[i] = pass_of(&q, key, p->passes, q.level[i], q.walk[i]);
        if (is_pool(&q, i))
            p->pool[i] = pass_of(&q, key, p->passes, q.level[i] + 1,
                                 cuda_lattice(z, f->step[i].value));
    }
    return p;
}
