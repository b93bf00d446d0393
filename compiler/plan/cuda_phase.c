#include <string.h>

#include "plan/cuda.h"
#include "plan/value.h"

/* ---- names and notes ---- */

static const char *name_of(Cuda *z, Val v)
{
    const Node *n = graph_node(z->g, v);
    if (n->op != OP_CONV_DW && n->op != OP_CONV_DB)
        return n->name && n->name[0] ? n->name : op_info[n->op].name;
    char *name = arena_printf(z->b->arena, "d%s", z->g->param[n->param].name);
    for (char *c = name; *c; c++)
        if (*c == '.')
            *c = '_';
    return name;
}

static const char *step_name(Cuda *z, const CudaStep *step)
{
    const char *verb = step->kind == CUDA_READ    ? "read_"
                       : step->kind == CUDA_WRITE ? "write_"
                                                  : "";
    Val v = step->load ? step->chain[0] : step->value;
    return arena_printf(z->b->arena, "%s%s", verb, name_of(z, v));
}

/* "conv2 -> leaky_relu2" */
static const char *step_note(Cuda *z, const CudaStep *step)
{
    const char *note = name_of(z, step->value);
    for (int c = 0; c < step->chains; c++)
        note = arena_printf(z->b->arena, "%s -> %s", note, name_of(z, step->chain[c]));
    return note;
}

static const char *formula(Cuda *z, const CudaStep *step)
{
    const Node *n = graph_node(z->g, step->value);
    const char *text = step->load ? NULL : value_formula(n->op);
    if (!text)
        return NULL;
    int param = n->op == OP_CONV_DW ? n->param : graph_node(z->g, n->arg[1])->param;
    const char *where = cuda_on_tensor_cores(z, step) ? ", on tensor cores" : "";
    return arena_printf(z->b->arena, "%s; %.0f multiply-adds a site%s", text,
                        (double)z->g->param[param].count, where);
}

/* ---- calls of the prelude ---- */

/* A function of the prelude, which moves the sites of a tile. */
static void field_call(Cuda *z, const char *function, const char *array, Val v)
{
    Build *b = z->b;
    BufId buf = cuda_buffer(z, v);
    const Buffer *field = plan_buffer(b->p, buf);
    CallArg arg[] = {arg_word("f"),
                     arg_word("at"),
                     arg_word(array),
                     arg_buf(b, buf, cuda_here(z, v, ix(b, 0), ix(b, 0))),
                     arg_int(b, field->channels),
                     arg_int(b, field->pitch),
                     arg_ix(cuda_sites(z, v))};
    put_call(b, function, 7, arg);
}

static void transfer(Cuda *z, const CudaStep *step)
{
    Op op = graph_node(z->g, step->value)->op;
    if (step->kind == CUDA_WRITE)
        field_call(z, "write_field", z->steps->what == WHAT_FORWARD ? "f->y" : "f->dx",
                   step->value);
    else if (op == OP_SEED)
        field_call(z, "read_field", "f->dy", step->value);
    else
        field_call(z, "read_input", "f->x", step->value);
}

static void loss(Cuda *z, const CudaStep *step)
{
    Build *b = z->b;
    const Node *n = graph_node(z->g, step->value);
    Val y = n->arg[0];
    BufId of = cuda_buffer(z, y);
    const Buffer *field = plan_buffer(b->p, of);
    bool derivative = n->op == OP_MSE_DX || n->op == OP_BCE_DX;
    CallArg arg[] = {arg_word("f"),
                     arg_word("at"),
                     arg_buf(b, of, cuda_here(z, y, ix(b, 0), ix(b, 0))),
                     arg_int(b, field->channels),
                     arg_int(b, field->pitch),
                     arg_ix(cuda_sites(z, y)),
                     derivative ? arg_buf(b, cuda_buffer(z, step->value),
                                          cuda_here(z, step->value, ix(b, 0), ix(b, 0)))
                                : arg_int(b, 0)};
    put_call(b, op_info[n->op].name, derivative ? 7 : 6, arg);
}

/* Flatten: feature channel * sites + site of the one site behind it. */
static void move(Cuda *z, const CudaStep *step)
{
    Build *b = z->b;
    const Node *n = graph_node(z->g, step->value);
    bool flatten = n->op == OP_FLATTEN;
    Val field = flatten ? n->arg[0] : step->value;
    const Ix *channels = ix(b, graph_node(z->g, field)->shape.channels);
    const Ix *sites = cuda_sites(z, field);
    Ptr from = ptr_new(b, "from"), to = ptr_new(b, "to");
    put_point(b, from, NULL, cuda_buffer(z, n->arg[0]), ix(b, 0));
    put_point(b, to, NULL, cuda_buffer(z, step->value), ix(b, 0));
    const Ix *count = ix_mul(b, cuda_tile(z, field), channels);
    Var item = put_loop(b, LOOP_THREADS, "item", ix(b, 0), count, 1);
    const Ix *s = cuda_quotient(z, "s", ix_var(b, item), channels);
    const Ix *c = cuda_rest(z, "c", ix_var(b, item), s, channels);
    const Ix *in_field = cuda_here(z, field, s, c);
    const Ix *in_vector = ix_add(b, ix_mul(b, c, sites), cuda_site(z, field, s));
    put_store(b, to, NULL, flatten ? in_vector : in_field,
              vx_load(b, from, NULL, flatten ? in_field : in_vector));
    put_end(b);
}

/* ---- phases ---- */

static void clear_ghosts(Cuda *z, const CudaStep *step)
{
    if (step->kind == CUDA_WRITE)
        return;
    if (!step->load)
        cuda_clear_ghost(z, step->value);
    for (int c = 0; c < step->chains; c++)
        cuda_clear_ghost(z, step->chain[c]);
    cuda_clear_ghost(z, z->steps->arg_of[step->value.i]);
}

static void begin(Cuda *z, const CudaStep *step, const char *behind)
{
    Build *b = z->b;
    const Node *n = graph_node(z->g, step->value);
    phase_begin(b, arena_printf(b->arena, "%s%s", step_name(z, step), behind),
                step_note(z, step), cuda_walk(z, step));
    b->phase.formula = formula(z, step);
    b->phase.span = n->span;
}

static void body(Cuda *z, const CudaStep *step)
{
    Op op = graph_node(z->g, step->value)->op;
    switch (step->kind) {
    case CUDA_WALK:
        if (!step->load && (op == OP_CONV || op == OP_CONV_DX))
            cuda_conv(z, step);
        else
            cuda_point(z, step);
        break;
    case CUDA_READ:
    case CUDA_WRITE: transfer(z, step); break;
    case CUDA_POOL:
    case CUDA_WEIGHT:
    case CUDA_BIAS: cuda_sum(z, step); break;
    case CUDA_MOVE: move(z, step); break;
    case CUDA_LOSS: loss(z, step); break;
    }
}

typedef struct User {
    CudaUser *user;
    void *to;
    const CudaStep *step;
    int pass;
} User;

static void end(Cuda *z, const User *u, int spreads)
{
    clear_ghosts(z, u->step);
    CudaUse use = {
        .use = {.phase = phase_end(z->b), .when = u->step->when},
        .spreads = spreads,
        .pass = u->pass
    };
    u->user(u->to, use);
}

static void pool(Cuda *z, User *u, int pass_of_tiles)
{
    static const struct {
        const char *behind;
        int spreads;
    } part[] = {
        [POOL_SHARES] = {"_shares", ON_BLOCK | ON_GRID},
        [POOL_ADD] = {"",        ON_BLOCK          },
        [POOL_TILE] = {"_tile",   ON_GRID           },
        [POOL_TILES] = {"_tiles",  ON_GRID           },
        [POOL_ADD_TILES] = {"_all",    ON_GRID           },
    };
    for (CudaPoolPart k = POOL_SHARES; k <= POOL_ADD_TILES; k++) {
        if (k == POOL_TILES)
            u->pass = pass_of_tiles;
        begin(z, u->step, part[k].behind);
        if (graph_node(z->g, u->step->value)->op == OP_GLOBAL_MAX)
            cuda_pool_max(z, u->step, k);
        else
            cuda_pool(z, u->step, k);
        end(z, u, part[k].spreads);
    }
}

void cuda_phases(Cuda *z, const CudaStep *step, CudaUser *user, void *to)
{
    ptrdiff_t n = step - z->steps->step;
    User u = {user, to, step, z->passes->of_step[n]};
    if (step->kind == CUDA_POOL) {
        pool(z, &u, z->passes->pool[n]);
        return;
    }
    bool sum = step->kind == CUDA_WEIGHT || step->kind == CUDA_BIAS;
    bool shared = sum && !cuda_sum_is_direct(z, step);
    begin(z, step, shared ? "_shares" : "");
    body(z, step);
    end(z, &u, ON_BLOCK | ON_GRID);
    if (!shared)
        return;
    begin(z, step, "");
    cuda_sum_shares(z, step);
    end(z, &u, ON_BLOCK | ON_GRID);
}
