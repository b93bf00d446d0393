#include "opt/opt.h"

#include <assert.h>

#include "opt/rewrite.h"

Graph *opt_run(const Graph *g, Arena *a)
{
    static Graph *(*const pass[])(const Graph *, Arena *) = {opt_simplify, opt_cse,
                                                             opt_dce};
    GraphBuilder b;
    graph_continue(&b, g, a);
    Graph *out = graph_end(&b);
    for (size_t i = 0; i < countof(pass); i++) {
        out = pass[i](out, a);
        assert(graph_verify(out, stderr));
    }
    return out;
}
