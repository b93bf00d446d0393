/* The items of a model, in order. */
#include "sema/sema.h"

#include <assert.h>
#include <string.h>

#include "base/nearest.h"
#include "sema/sema_impl.h"
#include "sema/symmetry.h"

enum { NAME_LENGTH_MAX = 100 };

static void only_once(Sema *s, const Item **seen, const Item *item, const char *what)
{
    if (!*seen) {
        *seen = item;
        return;
    }
    diag_error(s->diag, item->span, "'%s' stands twice in this model", what);
    diag_note(s->diag, (*seen)->span, "here the first time");
}

/* What holds for the whole model, wherever it stands. */
static void collect(Sema *s)
{
    for (const Item *item = s->model->items; item; item = item->next) {
        switch (item->kind) {
        case ITEM_INPUT: only_once(s, &s->input, item, "input"); break;
        case ITEM_BIAS: only_once(s, &s->bias, item, "bias"); break;
        case ITEM_PARAMS: only_once(s, &s->params, item, "params"); break;
        case ITEM_LOSS: only_once(s, &s->loss, item, "loss"); break;
        case ITEM_ASSERT: only_once(s, &s->assertion, item, "assert"); break;
        case ITEM_RETURN: only_once(s, &s->output, item, "return"); break;
        case ITEM_ERROR: s->damaged = true; break;
        case ITEM_CHAIN:
        case ITEM_LET: break;
        }
    }
}

static bool input_axes(Sema *s, const Item *item)
{
    Graph *g = &s->b.g;
    int64_t sites = 1;
    for (const Axis *axis = item->input.axes; axis; axis = axis->next) {
        if (g->rank == AXES_MAX) {
            diag_error(s->diag, axis->span, "a lattice has at most %d axes", AXES_MAX);
            return false;
        }
        if (axis->extent < 0 || axis->extent > EXTENT_MAX ||
            (axis->extent && (sites *= axis->extent) > EXTENT_MAX)) {
            diag_error(s->diag, axis->span,
                       axis->extent < 0
                           ? "an extent must be at least 1"
                           : "a lattice of more than %d sites is not supported",
                       EXTENT_MAX);
            return false;
        }
        for (int d = 0; d < g->rank; d++)
            if (!strcmp(g->axis[d], axis->name.text)) {
                diag_error(s->diag, axis->span, "two axes have the name '%s'",
                           axis->name.text);
                return false;
            }
        g->axis[g->rank] = axis->name.text;
        g->fixed[g->rank++] = axis->extent;
    }
    return true;
}

static void lower_input(Sema *s)
{
    const Item *item = s->input;
    s->current = (Value){.from = s->model->name_span};
    if (!item && s->damaged)
        return;
    if (!item) {
        diag_error(s->diag, s->model->name_span, "model '%s' has no input",
                   s->model->name.text);
        diag_hint(s->diag, "as in 'input flux[4] on (T, X)'");
        return;
    }
    s->current.from = item->span;
    bool ok = input_axes(s, item);
    if (item->input.channels < 1 || item->input.channels > CHANNELS_MAX) {
        diag_error(s->diag, item->input.channels_span,
                   "an input has from 1 to %d channels", CHANNELS_MAX);
        ok = false;
    } else {
        s->current.channels = (int)item->input.channels;
    }
    if (ok) {
        Graph *g = &s->b.g;
        Node node = {.op = OP_INPUT, .name = item->input.name.text, .span = item->span};
        node.shape.channels = s->current.channels;
        node.shape.rank = g->rank;
        for (int d = 0; d < g->rank; d++)
            node.shape.extent[d] =
                g->fixed[d] ? extent_number(g->fixed[d]) : extent_axis(d);
        g->input_name = node.name;
        g->input = s->current.val = graph_add(&s->b, node);
    }
    scope_add(s, item->input.name, item->span, s->current);
}

static void lower_items(Sema *s)
{
    for (const Item *item = s->model->items; item; item = item->next) {
        switch (item->kind) {
        case ITEM_ERROR: s->current = (Value){.from = item->span}; break;
        case ITEM_LET:
            s->current = expr_value(s, item->let.value);
            scope_add(s, item->let.name, item->let.name_span, s->current);
            break;
        case ITEM_CHAIN: s->current = expr_value(s, item->value); break;
        case ITEM_RETURN:
            if (item == s->output)
                s->current = expr_value(s, item->value);
            break;
        case ITEM_INPUT:
        case ITEM_BIAS:
        case ITEM_PARAMS:
        case ITEM_LOSS:
        case ITEM_ASSERT: break;
        }
        if (item == s->output)
            return;
    }
}

static void unknown_word(Sema *s, const Item *item, const char *what,
                         const char *const *words, size_t count)
{
    diag_error(s->diag, item->span, "unknown %s '%s'", what, item->word.text);
    const char *near = nearest_word(item->word.text, words, count);
    if (near)
        diag_hint(s->diag, "did you mean %s?", near);
    else
        diag_hint(s->diag, "known are: %s%s%s", words[0], count > 1 ? ", " : "",
                  count > 1 ? words[1] : "");
}

/* BCE works on the logit, the operand of the final sigmoid. */
static void lower_bce(Sema *s)
{
    Graph *g = &s->b.g;
    const Node *y = graph_node(g, g->output);
    g->loss = LOSS_BCE;
    if (y->op == OP_SIGMOID) {
        g->logit = y->arg[0];
        return;
    }
    diag_error(s->diag, s->loss->span, "loss BCE needs probabilities: a final Sigmoid");
    diag_note(s->diag, y->span, "the network ends here");
    diag_hint(s->diag, "write Sigmoid behind the last layer, or use loss MSE");
}

static void lower_loss(Sema *s)
{
    static const char *const words[] = {"MSE", "BCE"};
    if (!s->loss)
        return;
    bool mse = !strcmp(s->loss->word.text, "MSE"),
         bce = !strcmp(s->loss->word.text, "BCE");
    if (!mse && !bce) {
        unknown_word(s, s->loss, "loss", words, countof(words));
        return;
    }
    if (!s->current.val.i)
        return;
    const Node *y = graph_node(&s->b.g, s->current.val);
    if (y->shape.rank > 0) {
        diag_error(s->diag, s->loss->span,
                   "a loss compares vectors, but the output is a field %s",
                   shape_text(&s->b.g, &y->shape, s->arena));
        diag_note(s->diag, y->span, "the network ends here");
        diag_hint(s->diag,
                  "GlobalSumPool, GlobalAvgPool or GlobalMaxPool makes a vector");
        return;
    }
    if (mse)
        s->b.g.loss = LOSS_MSE;
    else
        lower_bce(s);
}

static void check_assertion(Sema *s, const Graph *g)
{
    static const char *const words[] = {"equivariant"};
    if (!s->assertion)
        return;
    if (strcmp(s->assertion->word.text, words[0])) {
        unknown_word(s, s->assertion, "assertion", words, countof(words));
        return;
    }
    if (!g)
        return;
    Symmetry symmetry = symmetry_of(g);
    if (symmetry.kind == SYMMETRY_ALL)
        return;
    diag_error(s->diag, s->assertion->span, "this network is not equivariant");
    diag_note(s->diag, symmetry.culprit, "its symmetry: %s",
              symmetry_describe(g, s->arena));
}

static void end_output(Sema *s)
{
    s->b.g.output = s->current.val;
    if (s->current.val.i && s->b.g.layers == 0) {
        diag_error(s->diag, s->model->name_span, "model '%s' has no layer",
                   s->model->name.text);
        s->current.val = (Val){0};
    }
}

/* NULL if the model has an error. */
static Graph *lower_model(Sema *s)
{
    int before = diag_errors(s->diag);
    graph_begin(&s->b, s->arena);
    s->b.g.name = s->model->name.text;
    collect(s);
    lower_input(s);
    lower_items(s);
    end_output(s);
    lower_loss(s);
    sema_check_lattice(&s->b.g, s->b.g.fixed, s->diag);
    bool whole = s->current.val.i && diag_errors(s->diag) == before;
    check_assertion(s, whole ? &s->b.g : NULL);
    if (whole)
        params_check(s);
    if (!whole || diag_errors(s->diag) > before)
        return NULL;
    Graph *g = graph_end(&s->b);
    assert(graph_verify(g, stderr));
    return g;
}

/* A file math.h beside the caller's sources would hide the C library's. */
static bool is_header_of_c(const char *name)
{
    static const char *const headers[] = {
        "assert", "complex",   "ctype",    "errno",   "fenv",   "float",  "inttypes",
        "iso646", "limits",    "locale",   "math",    "setjmp", "signal", "stdalign",
        "stdarg", "stdatomic", "stdbool",  "stddef",  "stdint", "stdio",  "stdlib",
        "string", "tgmath",    "threads",  "time",    "uchar",  "wchar",  "wctype",
        "malloc", "immintrin", "arch_model"};
    for (size_t i = 0; i < countof(headers); i++)
        if (!strcmp(name, headers[i]))
            return true;
    return false;
}

/* Files, symbols and messages are named after the model. */
static void check_name(const Definition *d, const Definition **defined, Diag *diag)
{
    const Definition *other = defined[d->name.id];
    if (strlen(d->name.text) > NAME_LENGTH_MAX)
        diag_error(diag, d->name_span, "a name has at most %d letters",
                   NAME_LENGTH_MAX);
    if (!d->is_block && is_header_of_c(d->name.text))
        diag_error(diag, d->name_span,
                   "a model cannot be called '%s': its header would be taken for <%s.h>",
                   d->name.text, d->name.text);
    if (!other) {
        defined[d->name.id] = d;
        return;
    }
    diag_error(diag, d->name_span, "the name '%s' is taken", d->name.text);
    diag_note(diag, other->name_span, "by this one");
}

Graphs *sema_lower(const Unit *unit, Arena *out, Diag *diag)
{
    uint32_t names = names_count(unit->names);
    const Definition **defined = NEW_ARRAY(out, const Definition *, names);
    Binding *scope = NEW_ARRAY(out, Binding, names);
    Graphs *graphs = NEW(out, Graphs);
    int models = 0;
    for (const Definition *d = unit->first; d; d = d->next) {
        check_name(d, defined, diag);
        models += !d->is_block;
    }
    graphs->graph = NEW_ARRAY(out, Graph *, models);
    for (const Definition *d = unit->first; d; d = d->next) {
        if (d->is_block)
            continue;
        Sema s = {
            .arena = out, .diag = diag, .model = d, .scope = scope, .defined = defined};
        s.weighted_end = &s.weighted;
        graphs->graph[graphs->count++] = lower_model(&s);
    }
    if (models == 0 && diag_errors(diag) == 0)
        diag_error(diag, (Span){0, 0}, "there is no model in this file");
    return diag_errors(diag) ? NULL : graphs;
}
