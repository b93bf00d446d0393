/* archc - a network as in a paper's table -> C and CUDA.
 *
 * The pipeline, text -> Unit -> Graph -> .., stands in compile(). */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/nearest.h"
#include "generate.h"
#include "grad/grad.h"
#include "opt/opt.h"
#include "sema/layers.h"
#include "sema/sema.h"
#include "syntax/syntax.h"

/* Far above any lattice, far below an overflow. */
enum { LATTICE_EXTENT_MAX = 1 << 24 };

/* Exit codes, the same for archrun. */
enum { EXIT_OK = 0, EXIT_MODEL = 1, EXIT_USAGE = 2, EXIT_FILES = 3 };

typedef enum Dump {
    DUMP_NONE,
    DUMP_AST,
    DUMP_GRAPH,
    DUMP_GRAD,
    DUMP_OPT,
    DUMP_PLAN
} Dump;

static const char *const dump_names[] = {[DUMP_AST] = "ast",
                                         [DUMP_GRAPH] = "graph",
                                         [DUMP_GRAD] = "grad",
                                         [DUMP_OPT] = "opt",
                                         [DUMP_PLAN] = "plan"};

typedef struct Options {
    const char *file;
    const char *directory;
    Dump dump;
    bool explain, check;
    bool f64;
    bool direct; /* --conv */
    bool cuda;   /* --target */
    int axes;    /* of --lattice; 0: not given */
    int64_t lattice[AXES_MAX];
} Options;

static const char usage[] =
    "usage: archc FILE.arch [-o DIR]    write NAME.h, NAME.c, NAME.cu into DIR (generated/)\n"
    "       archc --check FILE.arch     only look for errors\n"
    "       archc --explain FILE.arch   shapes, parameters, flop and symmetry class\n"
    "\n"
    "  -o DIR                        where to write\n"
    "  --lattice 60x4                time first, for --explain, the checks, and the costs\n"
    "                                in --dump=plan (8x8)\n"
    "  --precision f32|f64           of the generated code (f32)\n"
    "  --conv auto|direct            direct: a map shifts with its input bit for bit, at any\n"
    "                                distance; auto: wide 2x2 kernels in fewer products\n"
    "  --dump=ast|graph|grad|opt|plan  what a stage made, as text\n"
    "  --target c|cuda               of --dump=plan (c)\n"
    "  --help=layers                 the layers of the language\n"
    "  --help, --version\n"
    "\n"
    "examples:\n"
    "  archc archs/task3/eq1.arch -o generated\n"
    "  archc --explain --lattice 60x4 archs/task1/st.arch\n"
    "\n"
    "exit: 0 done, 1 faulty model, 2 wrong usage, 3 a file cannot be read or written\n";

__attribute__((format(printf, 1, 2))) static int usage_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "archc: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "; 'archc --help' shows the usage\n");
    va_end(args);
    return EXIT_USAGE;
}

/* ---- command line ---------------------------------------------------------------- */

/* "60x4" */
static bool parse_lattice(const char *text, Options *o)
{
    for (const char *s = text;;) {
        char *end;
        long long extent = *s >= '0' && *s <= '9' ? strtoll(s, &end, 10) : 0;
        if (extent < 1 || extent > LATTICE_EXTENT_MAX || o->axes == AXES_MAX)
            return false;
        o->lattice[o->axes++] = extent;
        if (*end == '\0')
            return true;
        if (*end != 'x')
            return false;
        s = end + 1;
    }
}

static bool parse_dump(const char *word, Options *o)
{
    for (size_t i = DUMP_AST; i < countof(dump_names); i++)
        if (!strcmp(word, dump_names[i]))
            o->dump = (Dump)i;
    return o->dump != DUMP_NONE;
}

static int show_help(const char *topic)
{
    if (topic && strcmp(topic, "layers"))
        return usage_error("there is no help on '%s'", topic);
    if (topic)
        layers_print_help(stdout);
    else
        fputs(usage, stdout);
    return EXIT_OK;
}

enum {
    OPT_HELP = 1000,
    OPT_VERSION,
    OPT_CHECK,
    OPT_EXPLAIN,
    OPT_LATTICE,
    OPT_DUMP,
    OPT_TARGET,
    OPT_REAL,
    OPT_CONV
};

static const struct option long_options[] = {
    {"help",       optional_argument, NULL, OPT_HELP},
    {"version",        no_argument, NULL, OPT_VERSION},
    {"check",            no_argument, NULL, OPT_CHECK},
    {"explain",no_argument, NULL, OPT_EXPLAIN},
    {"lattice", required_argument, NULL, OPT_LATTICE},
    {"dump",      required_argument, NULL, OPT_DUMP},
    {"target",        required_argument, NULL, OPT_TARGET},
    {"precision",            required_argument, NULL, OPT_REAL},
    {"conv",        required_argument, NULL, OPT_CONV},
    {0},
};

static int unknown_option(const char *word)
{
    const char *names[countof(long_options)];
    size_t n = 0;
    while (long_options[n].name) {
        names[n] = long_options[n].name;
        n++;
    }
    const char *near = nearest_word(word + strspn(word, "-"), names, n);
    return near ? usage_error("unknown option '%s', did you mean --%s?", word, near)
                : usage_error("unknown option '%s'", word);
}

/* -1: go on; else the exit code. */
static int parse_option(int c, char **argv, Options *o)
{
    switch (c) {
    case 'o': o->directory = optarg; return -1;
    case OPT_HELP: return show_help(optarg);
    case OPT_VERSION: printf("archc %s\n", ARCHC_VERSION); return EXIT_OK;
    case OPT_CHECK: o->check = true; return -1;
    case OPT_EXPLAIN: o->explain = true; return -1;
    case OPT_LATTICE:
        o->axes = 0;
        return parse_lattice(optarg, o)
                   ? -1
                   : usage_error("'%s' is no lattice like 60x4", optarg);
    case OPT_DUMP:
        return parse_dump(optarg, o)
                   ? -1
                   : usage_error("there is no stage '%s' to dump", optarg);
    case OPT_TARGET:
        o->cuda = !strcmp(optarg, "cuda");
        return o->cuda || !strcmp(optarg, "c")
                   ? -1
                   : usage_error("target '%s' is neither c nor cuda", optarg);
    case OPT_REAL:
        o->f64 = !strcmp(optarg, "f64");
        return o->f64 || !strcmp(optarg, "f32")
                   ? -1
                   : usage_error("precision '%s' is neither f32 nor f64", optarg);
    case OPT_CONV:
        o->direct = !strcmp(optarg, "direct");
        return o->direct || !strcmp(optarg, "auto")
                   ? -1
                   : usage_error("convolutions are made auto or direct, not '%s'",
                                 optarg);
    case ':': return usage_error("option '%s' needs a value", argv[optind - 1]);
    }
    return unknown_option(argv[optind - 1]);
}

static int parse_command_line(int argc, char **argv, Options *o)
{
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":o:", long_options, NULL)) != -1;) {
        int code = parse_option(c, argv, o);
        if (code >= 0)
            return code;
    }
    if (o->check + o->explain + (o->dump != DUMP_NONE) > 1)
        return usage_error("--check, --explain and --dump exclude each other");
    if (optind == argc)
        return usage_error("no file is given");
    if (optind + 1 < argc)
        return usage_error("one file at a time, not also '%s'", argv[optind + 1]);
    o->file = argv[optind];
    return -1;
}

/* ---- pipeline -------------------------------------------------------------------- */

static PlanOptions plan_options(const Options *o)
{
    return (PlanOptions){.precision = o->f64 ? PRECISION_F64 : PRECISION_F32,
                         .direct = o->direct};
}

/* What changes the generated code, as generated files show it. */
static const char *shown_options(const Options *o, Arena *a)
{
    return arena_printf(a, "%s%s%s", o->f64 ? "--precision=f64" : "",
                        o->f64 && o->direct ? " " : "",
                        o->direct ? "--conv=direct" : "");
}

/* Costs are counted on the lattice asked for, the model's own, or 8x8. */
static void print_plan(const Graph *g, const Options *o, Arena *a)
{
    PlanOptions plan = plan_options(o);
    int64_t extent[AXES_MAX];
    for (int axis = 0; axis < g->rank; axis++)
        extent[axis] = o->axes ? o->lattice[axis] : g->fixed[axis] ? g->fixed[axis] : 8;
    if (o->cuda)
        plan_print(plan_cuda(g, &plan, a), NULL, stdout);
    else
        plan_print(plan_make(g, &plan_target[0], &plan, a), extent, stdout);
}

static int print_stage(const Graph *g, const Options *o, Arena *a)
{
    Dump dump = o->dump;
    if (dump == DUMP_PLAN) {
        print_plan(g, o, a);
        return EXIT_OK;
    }
    if (dump == DUMP_GRAD || dump == DUMP_OPT)
        g = grad_reverse(g, g->loss ? GRAD_LOSS : GRAD_VJP, a);
    if (dump == DUMP_OPT)
        g = opt_run(g, a);
    graph_print(g, stdout);
    return EXIT_OK;
}

/* All models of the file, or none. */
static int write_models(const Graphs *graphs, const Source *source, const Options *o,
                        Arena *a)
{
    Output *file = NEW_ARRAY(a, Output, GENERATED_FILES * graphs->count);
    for (int i = 0; i < graphs->count; i++)
        generate(graphs->graph[i], source, plan_options(o), shown_options(o, a),
                 &file[GENERATED_FILES * i], a);
    const char *why;
    if (output_write(o->directory, file, GENERATED_FILES * graphs->count, a, &why))
        return EXIT_OK;
    fprintf(stderr, "archc: %s\n", why);
    return EXIT_FILES;
}

/* The lattice of the command line on every model. */
static int check_lattice(const Graphs *graphs, const Options *o, Diag *diag)
{
    for (int i = 0; o->axes && i < graphs->count; i++) {
        const Graph *g = graphs->graph[i];
        if (g->rank != o->axes)
            return usage_error("the lattice has %d axes, the input of %s %d", o->axes,
                               g->name, g->rank);
        sema_check_lattice(g, o->lattice, diag);
    }
    return diag_errors(diag) ? EXIT_MODEL : EXIT_OK;
}

static int compile(const Source *source, const Options *o, Arena *a, Diag *diag)
{
    Unit *unit = syntax_parse(source, a, diag);
    if (o->dump == DUMP_AST && diag_errors(diag) == 0) {
        unit_print(unit, stdout);
        return EXIT_OK;
    }
    Graphs *graphs = sema_lower(unit, a, diag);
    if (!graphs)
        return EXIT_MODEL;
    int code = check_lattice(graphs, o, diag);
    for (int i = 0; i < graphs->count && code == EXIT_OK && !o->check; i++) {
        const Graph *g = graphs->graph[i];
        if (o->explain)
            sema_explain(g, o->axes ? o->lattice : NULL, stdout);
        else if (o->dump)
            code = print_stage(g, o, a);
    }
    if (code == EXIT_OK && !o->check && !o->explain && !o->dump)
        code = write_models(graphs, source, o, a);
    return code;
}

/* What could not be printed is no success. */
static int flushed(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "archc: cannot write to standard output: %s\n", strerror(errno));
    return EXIT_FILES;
}

int main(int argc, char **argv)
{
    Options o = {.directory = "generated"};
    int code = parse_command_line(argc, argv, &o);
    if (code >= 0)
        return flushed(code);
    Arena *a = arena_new();
    const char *why;
    const Source *source = source_read(o.file, a, &why);
    if (source) {
        Diag *diag = diag_new(source, a);
        code = compile(source, &o, a, diag);
        diag_print(diag, stderr, diag_wants_color(stderr));
    } else {
        fprintf(stderr, "archc: cannot read %s: %s\n", o.file, why);
        code = EXIT_FILES;
    }
    arena_free(a);
    return flushed(code);
}
