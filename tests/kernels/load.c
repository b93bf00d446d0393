#include <dlfcn.h>
#include <stdlib.h>

#include "base/diag.h"
#include "check.h"
#include "sema/sema.h"
#include "syntax/syntax.h"

const Graph *graph_read(const char *path, Arena *a)
{
    const char *why;
    const Source *source = source_read(path, a, &why);
    if (!source) {
        fprintf(stderr, "%s: %s\n", path, why);
        exit(1);
    }
    Diag *diag = diag_new(source, a);
    Graphs *graphs = sema_lower(syntax_parse(source, a, diag), a, diag);
    if (!graphs || graphs->count != 1) {
        diag_print(diag, stderr, false);
        exit(1);
    }
    return graphs->graph[0];
}

const ArchModel *model_load(const char *library, const char *name)
{
    void *handle = dlopen(library, RTLD_NOW);
    char symbol[256];
    snprintf(symbol, sizeof symbol, "%s_model", name);
    const ArchModel *(*model)(void) = NULL;
    if (handle)
        *(void **)&model = dlsym(handle, symbol);
    if (!model) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return model();
}
