/* The arguments of a layer against its signature. */
#include <math.h>
#include <string.h>

#include "base/nearest.h"
#include "sema/sema_impl.h"

static const char *role_name(char role)
{
    switch (role) {
    case 'w': return "a window";
    case 'i': return "the number of channels in";
    case 'o': return "the number of channels out";
    case 's': return "a stride";
    }
    unreachable();
}

/* A number from 1 to `max`, else an error and 0. */
static int positive(Sema *s, const Expr *e, char role, int max)
{
    int64_t n;
    if (!expr_number(s, e, &n))
        return 0;
    if (n < 1)
        diag_error(s->diag, e->span, "%s must be at least 1", role_name(role));
    else if (n > max)
        diag_error(s->diag, e->span, "%s is %lld; the most that archc takes is %d",
                   role_name(role), (long long)n, max);
    return n < 1 || n > max ? 0 : (int)n;
}

/* 2x2, or one number that stands for all axes. */
static bool window(Sema *s, const Expr *e, char role, Expr *out)
{
    *out = *e;
    if (e->kind != EXPR_WINDOW) {
        out->kind = EXPR_INTEGER;
        out->integer = positive(s, e, role, KERNEL_MAX);
        return out->integer > 0;
    }
    for (int d = 0; d < e->window.axes; d++)
        if (e->window.extent[d] < 1 || e->window.extent[d] > KERNEL_MAX) {
            diag_error(s->diag, e->span, "%s has extents from 1 to %d", role_name(role),
                       KERNEL_MAX);
            return false;
        }
    return true;
}

static bool positional(Sema *s, LayerArgs *a, char role, const Expr *e)
{
    switch (role) {
    case 'w': return window(s, e, role, &a->window);
    case 's': return window(s, e, role, &a->stride);
    case 'i': return (a->in = positive(s, e, role, CHANNELS_MAX)) > 0;
    case 'o': return (a->out = positive(s, e, role, CHANNELS_MAX)) > 0;
    }
    unreachable();
}

/* The word of an option that has words: its place in `words`, or an error and -1. */
static int choice(Sema *s, const Arg *arg, const char *const *words, size_t count)
{
    const Expr *e = arg->value;
    const char *word = e->kind == EXPR_NAME                      ? e->name.text
                       : e->kind == EXPR_CALL && !e->call.parens ? e->call.name.text
                                                                 : "";
    for (size_t i = 0; i < count; i++)
        if (!strcmp(word, words[i]))
            return (int)i;
    TextBuf all = buf_in(s->arena);
    for (size_t i = 0; i < count; i++)
        buf_printf(&all, "%s'%s'",
                   i == 0           ? ""
                   : i + 1 == count ? " or "
                                    : ", ",
                   words[i]);
    diag_error(s->diag, e->span, "option '%s' is %s", arg->option, all.data);
    const char *near = nearest_word(word, words, count);
    if (near)
        diag_hint(s->diag, "did you mean '%s'?", near);
    return -1;
}

static bool option_pad(Sema *s, LayerArgs *a, const Arg *arg)
{
    static const char *const words[] = {"circular", "zero", "none"};
    static const Boundary boundary[] = {BOUNDARY_CIRCULAR, BOUNDARY_ZERO,
                                        BOUNDARY_NONE};
    int i = choice(s, arg, words, countof(words));
    if (i >= 0)
        a->pad = boundary[i];
    return i >= 0;
}

static bool option_bias(Sema *s, LayerArgs *a, const Arg *arg)
{
    static const char *const words[] = {"off", "on"};
    int i = choice(s, arg, words, countof(words));
    if (i == 1 && a->call->call.starred) {
        diag_error(s->diag, arg->span, "the star says that this layer has no bias");
        return false;
    }
    a->bias = i == 1;
    return i >= 0;
}

static bool option_slope(Sema *s, LayerArgs *a, const Arg *arg)
{
    const Expr *e = arg->value;
    bool negative = e->kind == EXPR_NEG;
    if (negative)
        e = e->binary.left;
    if (e->kind != EXPR_REAL && e->kind != EXPR_INTEGER) {
        diag_error(s->diag, e->span, "a slope is a number like 0.01");
        return false;
    }
    a->slope = e->kind == EXPR_REAL ? e->real : (double)e->integer;
    if (negative && a->slope > 0)
        diag_error(s->diag, arg->span,
                   "a slope below 0 is not supported: the sign of the output would no "
                   "longer tell that of the input");
    else if (!isfinite((float)a->slope))
        diag_error(s->diag, arg->span, "this slope is too large for a float");
    else
        return true;
    return false;
}

static bool option_stride(Sema *s, LayerArgs *a, const Arg *arg)
{
    if (a->arg[1] && strchr(a->info->signature, 's')) {
        diag_error(s->diag, arg->span, "the stride is given twice");
        diag_note(s->diag, a->arg[1]->span, "here the first time");
        return false;
    }
    return window(s, arg->value, 's', &a->stride);
}

static bool option(Sema *s, LayerArgs *a, const Arg *arg)
{
    int option = option_find(arg->option);
    if (!(option & a->info->options)) {
        diag_error(s->diag, arg->span, "%s has no option '%s'", a->info->name,
                   arg->option);
        const char *near = option_nearest(arg->option, a->info->options);
        TextBuf all = buf_in(s->arena);
        options_text(a->info->options, &all);
        if (near && !option)
            diag_hint(s->diag, "did you mean '%s'?", near);
        else if (all.size)
            diag_hint(s->diag, "its options are %s", all.data);
        return false;
    }
    for (const Arg *other = a->call->call.args; other != arg; other = other->next)
        if (!strcmp(other->option, arg->option)) {
            diag_error(s->diag, arg->span, "option '%s' is given twice", arg->option);
            diag_note(s->diag, other->span, "here the first time");
            return false;
        }
    switch (option) {
    case OPTION_PAD: return option_pad(s, a, arg);
    case OPTION_STRIDE: return option_stride(s, a, arg);
    case OPTION_BIAS: return option_bias(s, a, arg);
    case OPTION_SLOPE: return option_slope(s, a, arg);
    }
    unreachable();
}

static void wrong_count(Sema *s, const LayerArgs *a, int got)
{
    int most = (int)strlen(a->info->signature);
    if (most == 0)
        diag_error(s->diag, a->call->span, "%s takes nothing between parentheses%s",
                   a->info->name, a->info->options ? " but options by name" : "");
    else
        diag_error(s->diag, a->call->span, "%s takes %s%d arguments, not %d",
                   a->info->name, a->info->needed < most ? "at most " : "", most, got);
    diag_hint(s->diag, "as in %s", a->info->example);
}

/* A pool moves by its window, a convolution by one site. */
static void default_stride(LayerArgs *a)
{
    if (strchr(a->info->signature, 's'))
        a->stride = a->window;
    else
        a->stride.integer = 1;
}

bool layer_args(Sema *s, const Expr *call, Layer layer, LayerArgs *a)
{
    const LayerInfo *info = &layer_info[layer];
    *a = (LayerArgs){
        .call = call,
        .info = info,
        .bias = !call->call.starred && !(s->bias && !s->bias->on),
        .slope = layer == LAYER_LEAKY_RELU ? 0.01 : 0,
        .stride = {.kind = EXPR_INTEGER, .span = call->span}
    };
    bool ok = true;
    int n = 0, most = (int)strlen(info->signature);
    if (call->call.starred && !(info->options & OPTION_BIAS)) {
        diag_error(s->diag, call->call.name_span,
                   "the star means \"no bias\", and %s never has one", info->name);
        ok = false;
    }
    for (const Arg *arg = call->call.args; arg; arg = arg->next) {
        if (*arg->option)
            ok &= option(s, a, arg);
        else if (n < most) {
            a->arg[n] = arg->value;
            ok &= positional(s, a, info->signature[n], arg->value);
            n++;
        } else
            n++;
    }
    if (n > most || n < info->needed) {
        wrong_count(s, a, n);
        a->in = 0;
        return false;
    }
    if (a->stride.kind == EXPR_INTEGER && a->stride.integer == 0)
        default_stride(a);
    return ok;
}
