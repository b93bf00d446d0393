#include "emit/dialect.h"

#include <string.h>

#include "base/buf.h"

const Dialect dialect_c = {
    .vx = {[VX_ZERO] = "$v_set(0)",
           [VX_CONST] = "$v_set((real)$n)",
           [VX_INDEX] = "$v_set((real)($i))",
           [VX_BROADCAST] = "$v_set($p[$i])",
           [VX_LOAD] = "$v_load($p$o)",
           [VX_REG] = "$p",
           [VX_ADD] = "$v_add($0, $1)",
           [VX_SUB] = "$v_sub($0, $1)",
           [VX_MUL] = "$v_mul($0, $1)",
           [VX_DIV] = "$v_div($0, $1)",
           [VX_MAX] = "$v_max($0, $1)",
           [VX_FMA] = "$v_fma($0, $1, $2)",
           [VX_POS] = "$v_gt($0, $v_set(0), $1, $2)",
           [VX_GT] = "$v_gt($0, $1, $2, $3)",
           [VX_EQ] = "$v_eq($0, $1, $2, $3)",
           [VX_SIGMOID] = "$v_sigmoid($0)",
           [VX_TANH] = "$v_tanh($0)"},
    .store = "$v_store($p$o, $0);",
    .field = "f->$p",
    .packed = "f->$p",
    .sums = "f->$p",
    .stack = "$p",
    .aligned = "$p",
    .index = "int64_t",
    .table_cast = "(int64_t)",
    .word = "f->$p",
    .hold = " $v_hold($p);",
    .head = "static void $p(const Frame *f)",
};

const Dialect dialect_cuda = {
    .vx = {[VX_ZERO] = "0",
           [VX_CONST] = "(real)$n",
           [VX_INDEX] = "(real)($i)",
           [VX_BROADCAST] = "$p[$i]",
           [VX_LOAD] = "$p[$i]",
           [VX_REG] = "$p",
           [VX_ADD] = "($0 + $1)",
           [VX_SUB] = "($0 - $1)",
           [VX_MUL] = "($0 * $1)",
           [VX_DIV] = "($0 / $1)",
           [VX_MAX] = "real_max($0, $1)",
           [VX_FMA] = "real_fma($0, $1, $2)",
           [VX_POS] = "($0 > 0 ? $1 : $2)",
           [VX_GT] = "($0 > $1 ? $2 : $3)",
           [VX_EQ] = "($0 == $1 ? $2 : $3)",
           [VX_SIGMOID] = "real_sigmoid($0)",
           [VX_TANH] = "real_tanh($0)"},
    .store = "$p[$i] = $0;",
    .field = "at.near + f->$p",
    .far = "at.far + f->$p",
    .packed = "at.packed",
    .sums = "at.sums",
    .stack = "$p",
    .aligned = "ALIGNED($p)",
    .index = "int",
    .table_cast = "",
    .item = "for (int $p = THREAD; $p < $1; $p += THREADS)",
    .warp_item = "for (int $p = WARP; warp_meets($p, $1); $p += WARPS)",
    .word = "$p",
    .head = "DEVICE void $p(const Frame *f, Block at)",
};

static void spell_letter(TextBuf *text, const Spelling *s, char c)
{
    switch (c) {
    case 'v': buf_puts(text, s->v); return;
    case 'p': buf_puts(text, s->p); return;
    case 'i': buf_puts(text, s->i); return;
    case 'n': buf_puts(text, s->n); return;
    case 'o':
        if (strcmp(s->i, "0")) {
            buf_puts(text, " + ");
            buf_puts(text, s->i);
        }
        return;
    }
    buf_puts(text, s->operand[c - '0']);
}

const char *dialect_spell(const char *pattern, const Spelling *s, Arena *a)
{
    TextBuf text = buf_in(a);
    for (const char *p = pattern; *p;) {
        size_t plain = strcspn(p, "$");
        buf_add(&text, p, plain);
        p += plain;
        if (*p) {
            spell_letter(&text, s, p[1]);
            p += 2;
        }
    }
    return text.data;
}
