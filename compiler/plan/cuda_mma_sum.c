#include "plan/cuda_mma.h"
#include "plan/cuda_sum.h"

/* Gradients of weights, products of matrices whose inner dimension are sites:
 *
 *     dw[o,c,k] += sum_p dy[o,p] x[c,near[k][p]]
 *
 * The rows are channels of one of dy and x, the columns those of the other.  Of 8 sites from
 * s on a thread reads s + 2 column and the next one, as its columns `column` and `column + 4`
 * of a: a sum may take its terms in any order, and two pitches are an odd multiple of 8, so
 * that all 32 threads read other banks. */
enum {
    SUM_PRODUCTS = 7, /* of a warp at once, at most: 4 sums a thread each */
    SUM_TAPS = 4,     /* likewise                                         */
    SUM_TURNS = 1     /* of 8 sites: more unrolled would need more registers */
};

/* What a warp makes: `tall` blocks of 16 rows, `wide` blocks of 8 columns, `taps` taps. */
typedef struct SumTile {
    bool rows_of_x;
    int tall, wide, taps;
    int rows, columns; /* tiles of that size in all */
} SumTile;

typedef struct MmaSum {
    const CudaStep *step;
    const Sum *s;
    SumTile tile;
    const Ix *row, *column, *tap; /* the first ones of the tile */
    Reg y[SUM_PRODUCTS];
} MmaSum;

/* ---- which tile ---- */

static int blocks(int channels, int size)
{
    return (channels + size - 1) / size;
}

static int rows_in_all(const Sum *s, const SumTile *t)
{
    return t->rows_of_x ? s->in : s->out;
}

static int columns_in_all(const Sum *s, const SumTile *t)
{
    return t->rows_of_x ? s->out : s->in;
}

static int products(const SumTile *t)
{
    return t->tall * t->wide * t->taps;
}

static int tiles(const Sum *s, const SumTile *t)
{
    return t->rows * t->columns * (s->taps / t->taps);
}

/* Of 8 sites, for as many turns as the warps of a block take.  A number is read and split in
 * two by 4 instructions, a product is three, of 4 cycles at least, and 4 additions; to find
 * where a tap looks takes about 4 for each of two sites. */
static int cost(const Sum *s, const SumTile *t)
{
    int of_rows = 4 * t->tall * (t->rows_of_x ? t->taps : 1);
    int of_columns = 2 * t->wide * (t->rows_of_x ? 1 : t->taps);
    int look = s->table.i ? 8 * t->taps : 0;
    return blocks(tiles(s, t), CUDA_THREADS / 32) *
           (4 * (of_rows + of_columns) + 16 * products(t) + look);
}

/* All taps that divide them evenly, as their gradients lie next to each other. */
static SumTile choose(const Sum *s)
{
    SumTile best = {0}, t = {.taps = SUM_TAPS};
    while (s->taps % t.taps)
        t.taps--;
    for (int turned = 0; turned < 2; turned++) {
        t.rows_of_x = turned;
        int rows = blocks(rows_in_all(s, &t), MMA_ROWS);
        int columns = columns_in_all(s, &t) / MMA_COLUMNS;
        for (t.tall = 1; t.tall <= rows; t.tall++)
            for (t.wide = 1; t.wide <= columns; t.wide++) {
                t.rows = rows / t.tall;
                t.columns = columns / t.wide;
                if (rows % t.tall == 0 && columns % t.wide == 0 &&
                    products(&t) <= SUM_PRODUCTS &&
                    (best.tall == 0 || cost(s, &t) < cost(s, &best)))
                    best = t;
            }
    }
    return best;
}

static void find_tile(Cuda *z, MmaSum *m, const Ix *tile)
{
    Build *b = z->b;
    const SumTile *t = &m->tile;
    const Ix *columns = ix(b, t->columns), *rows = ix(b, t->rows);
    const Ix *rest = cuda_quotient(z, "rest", tile, columns);
    const Ix *column = cuda_rest(z, "column", tile, rest, columns);
    const Ix *tap =
        t->taps == m->s->taps ? ix(b, 0) : cuda_quotient(z, "taps", rest, rows);
    const Ix *row = t->taps == m->s->taps ? rest : cuda_rest(z, "row", rest, tap, rows);
    m->tap = ix_scale(b, tap, t->taps);
    m->row = ix_scale(b, row, (int64_t)t->tall * MMA_ROWS);
    m->column = ix_scale(b, column, (int64_t)t->wide * MMA_COLUMNS);
}

/* ---- 8 sites ---- */

/* The two sites of a thread: of dy, and where each tap of them looks at x.  Where there is
 * no site, pointers are to the last one. */
typedef struct SumSites {
    const Ix *meant[2];
    Ptr dy, x[SUM_TAPS];
} SumSites;

static SumSites find_sites(Cuda *z, const MmaSum *m, const Ix *first)
{
    Build *b = z->b;
    const Sum *s = m->s;
    SumSites at = {.dy = ptr_new(b, "dy")};
    for (int tap = 0; tap < m->tile.taps; tap++)
        at.x[tap] = ptr_new(b, arena_printf(b->arena, "x%d", tap));
    const Ix *mine = ix_add(b, first, ix_scale(b, cuda_mma_column(z), 2));
    const Ix *row = ix_add(b, m->row, cuda_mma_row(z));
    const Ix *column = ix_add(b, m->column, cuda_mma_row(z));
    const Ix *o = m->tile.rows_of_x ? column : row,
             *c = m->tile.rows_of_x ? row : column;
    for (int k = 0; k < 2; k++) {
        CudaTile of = {0};
        cuda_tile_site(z, &of, k, ix_add(b, mine, ix(b, k)), s->sites);
        at.meant[k] = of.meant[k];
        put_point(b, at.dy, ix(b, k), cuda_buffer(z, s->dy),
                  cuda_here(z, s->dy, of.site[k], o));
        for (int tap = 0; tap < m->tile.taps; tap++)
            put_point(b, at.x[tap], ix(b, k), cuda_buffer(z, s->x),
                      cuda_sum_index_of_x(z, s, ix_add(b, m->tap, ix(b, tap)),
                                          of.site[k], c));
    }
    return at;
}

/* Of dy a zero where there is no site. */
static const Vx *number(Cuda *z, const MmaSum *m, const SumSites *at, bool of_x,
                        int tap, int k, const Ix *channel)
{
    Build *b = z->b;
    if (of_x)
        return vx_load(b, at->x[tap], ix(b, k), channel);
    return vx_op4(b, VX_GT, vx_index(b, m->s->sites), vx_index(b, at->meant[k]),
                  vx_load(b, at->dy, ix(b, k), channel), vx_zero(b));
}

/* Row `half` of a block is 8 rows below; where there are none, the last ones again. */
static const Ix *row_of(Cuda *z, const MmaSum *m, int block, int half)
{
    Build *b = z->b;
    const int rows = rows_in_all(m->s, &m->tile);
    const Ix *row = ix(b, (int64_t)block * MMA_ROWS + 8 * half);
    if (rows % MMA_ROWS == 0 || !half)
        return row;
    return ix_min(b, row, ix_add(b, ix(b, rows - 8), ix_scale(b, m->row, -1)));
}

static Reg sum_of(const MmaSum *m, int tap, int i, int j)
{
    return m->y[(tap * m->tile.tall + i) * m->tile.wide + j];
}

/* y += a b of one tap, all numbers of a and b being read. */
static void multiply_tap(Cuda *z, const MmaSum *m, Reg *a, Reg *x, int tap)
{
    Build *b = z->b;
    for (int i = 0; i < m->tile.tall; i++)
        for (int j = 0; j < m->tile.wide; j++)
            cuda_mma_multiply(z, sum_of(m, tap, i, j), a[i],
                              vx_reg(b, x[j], ix(b, 0), NULL),
                              vx_reg(b, x[j], ix(b, 1), NULL));
}

static void read_rows(Cuda *z, const MmaSum *m, const SumSites *at, int tap, Reg *a)
{
    Build *b = z->b;
    for (int i = 0; i < m->tile.tall; i++) {
        a[i] = reg_new(b, arena_printf(b->arena, "a%d_%d", tap, i));
        for (int k = 0; k < 4; k++)
            put_declare(b, a[i], ix(b, k), NULL,
                        number(z, m, at, m->tile.rows_of_x, tap, k / 2,
                               row_of(z, m, i, k % 2)));
    }
}

static void read_columns(Cuda *z, const MmaSum *m, const SumSites *at, int tap, Reg *x)
{
    Build *b = z->b;
    for (int j = 0; j < m->tile.wide; j++) {
        x[j] = reg_new(b, arena_printf(b->arena, "b%d_%d", tap, j));
        for (int k = 0; k < 2; k++)
            put_declare(b, x[j], ix(b, k), NULL,
                        number(z, m, at, !m->tile.rows_of_x, tap, k,
                               ix(b, (int64_t)j * MMA_COLUMNS)));
    }
}

/* What is of dy is read once for all taps. */
static void add_sites(Cuda *z, const MmaSum *m, const Ix *first)
{
    SumSites at = find_sites(z, m, first);
    Reg a[SUM_PRODUCTS], x[SUM_PRODUCTS];
    for (int tap = 0; tap < m->tile.taps; tap++) {
        if (tap == 0 || m->tile.rows_of_x)
            read_rows(z, m, &at, tap, a);
        if (tap == 0 || !m->tile.rows_of_x)
            read_columns(z, m, &at, tap, x);
        multiply_tap(z, m, a, x, tap);
    }
}

/* ---- the sums ---- */

static void begin(Cuda *z, MmaSum *m)
{
    Build *b = z->b;
    for (int n = 0; n < products(&m->tile); n++) {
        m->y[n] = reg_new(b, arena_printf(b->arena, "y%d", n));
        for (int k = 0; k < 4; k++)
            put_declare(b, m->y[n], ix(b, k % 2), ix(b, k / 2), vx_zero(b));
    }
}

static const Ix *weight_at(Cuda *z, const MmaSum *m, const Ix *row, const Ix *column,
                           int tap)
{
    const bool turned = m->tile.rows_of_x;
    return cuda_sum_weight_index(z, m->step, m->s, turned ? column : row,
                                 turned ? row : column,
                                 ix_add(z->b, m->tap, ix(z->b, tap)));
}

/* Rows of `half`, and two columns. */
static void end_half(Cuda *z, const MmaSum *m, Ptr sums, int i, int j, int half)
{
    Build *b = z->b;
    const Ix *first = ix_add(b, m->row, ix(b, (int64_t)i * MMA_ROWS + 8 * half));
    const Ix *row = ix_add(b, first, cuda_mma_row(z));
    const Ix *column = ix_add(b, m->column, ix(b, (int64_t)j * MMA_COLUMNS));
    column = ix_add(b, column, ix_scale(b, cuda_mma_column(z), 2));
    const int rows = rows_in_all(m->s, &m->tile);
    const bool some = rows % MMA_ROWS && half;
    if (some)
        put_if(b, first, ix(b, rows));
    for (int k = 0; k < 2; k++)
        for (int tap = 0; tap < m->tile.taps; tap++) {
            const Ix *at = weight_at(z, m, row, ix_add(b, column, ix(b, k)), tap);
            const Vx *y = vx_reg(b, sum_of(m, tap, i, j), ix(b, k), ix(b, half));
            put_store(b, sums, NULL, at,
                      vx_op(b, VX_ADD, vx_load(b, sums, NULL, at), y));
        }
    if (some)
        put_end(b);
}

static void end(Cuda *z, const MmaSum *m)
{
    Build *b = z->b;
    Ptr sums = ptr_new(b, "sums");
    put_point(b, sums, NULL, cuda_sums(z, graph_node(z->g, m->step->value)->param),
              ix(b, 0));
    for (int i = 0; i < m->tile.tall; i++)
        for (int j = 0; j < m->tile.wide; j++)
            for (int half = 0; half < 2; half++)
                end_half(z, m, sums, i, j, half);
}

void cuda_mma_sum(Cuda *z, const CudaStep *step, const Sum *s)
{
    Build *b = z->b;
    MmaSum m = {.step = step, .s = s, .tile = choose(s)};
    b->p->mma = true;
    Var tile = put_loop(b, LOOP_WARPS, "tile", ix(b, 0), ix(b, tiles(s, &m.tile)), 1);
    find_tile(z, &m, ix_var(b, tile));
    begin(z, &m);
    const Ix *up = ix_add(b, s->sites, ix(b, MMA_DEPTH - 1));
    Var site = put_for_rolled(b, "s", ix(b, 0), up, MMA_DEPTH, SUM_TURNS);
    add_sites(z, &m, ix_var(b, site));
    put_end(b);
    end(z, &m);
    put_end(b);
}
