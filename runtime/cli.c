#include "cli.h"

#include "cli_range.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 63 /* longer words are never misspelt options */

static int min3(int a, int b, int c)
{
    int m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein distance; words of more than WORD_MAX characters are far from everything. */
static int word_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > WORD_MAX || nb > WORD_MAX)
        return WORD_MAX;
    int row[WORD_MAX + 1];
    for (size_t j = 0; j <= nb; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            int replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = min3(replaced, row[j] + 1, row[j - 1] + 1);
        }
    }
    return row[nb];
}

const char *cli_nearest(const char *word, const char *const *words, int n)
{
    const char *best = NULL;
    int least =
        (int)strlen(word) / 3 + 2; /* as many slips as a word of this length may have */
    for (int i = 0; i < n; i++) {
        int d = word_distance(word, words[i]);
        if (d < least) {
            least = d;
            best = words[i];
        }
    }
    return best;
}

static bool in_range(const CliOption *o, double v)
{
    return o->min > o->max || (o->min == 0 && o->max == 0) ||
           (v >= o->min && v <= o->max);
}

static bool value_error(const CliOption *o, const char *text, const char *wanted,
                        ArchError *e)
{
    return error_set(e, ARCH_EXIT_USAGE, "--%s: '%.60s' is not %s", o->name, text,
                     wanted);
}

static bool check_range(const CliOption *o, double v, const char *text, ArchError *e)
{
    if (in_range(o, v))
        return true;
    if (isinf(o->max))
        return error_set(e, ARCH_EXIT_USAGE,
                         "--%s: %.60s is out of range, must be at least %.15g", o->name,
                         text, o->min);
    return error_set(e, ARCH_EXIT_USAGE,
                     "--%s: %.60s is out of range, must be %.15g to %.15g", o->name,
                     text, o->min, o->max);
}

static bool read_int(const CliOption *o, const char *text, int64_t *to, ArchError *e)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end)
        return value_error(o, text, "an integer", e);
    if (errno == ERANGE)
        return value_error(o, text, "an integer of at most 64 bits", e);
    *to = v;
    return check_range(o, (double)v, text, e);
}

static bool read_double(const CliOption *o, const char *text, double *to, ArchError *e)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v))
        return value_error(o, text, "a finite number", e);
    *to = v;
    return check_range(o, v, text, e);
}

/* "60x4" or "60×4": extents from 1, at most 2^31 sites. */
static bool read_lattice(const CliOption *o, const char *text, CliLattice *to,
                         ArchError *e)
{
    static const char wanted[] = "a lattice such as 60x4 (time first)";
    double sites = 1;
    *to = (CliLattice){0};
    for (const char *s = text;; to->rank++) {
        char *end;
        errno = 0;
        long long v = *s >= '0' && *s <= '9' ? strtoll(s, &end, 10) : 0;
        if (v < 1 || errno == ERANGE || to->rank == ARCH_AXES_MAX)
            return value_error(o, text, wanted, e);
        if (!check_range(o, (double)v, text, e))
            return false;
        to->extent[to->rank] = v;
        sites *= (double)v;
        if (!*end)
            break;
        if (*end == 'x')
            s = end + 1;
        else if (strncmp(end, "\xc3\x97", 2) == 0)
            s = end + 2;
        else
            return value_error(o, text, wanted, e);
    }
    to->rank++;
    if (sites > 2147483647.0)
        return value_error(o, text, "a lattice of less than 2^31 sites", e);
    return true;
}

static bool read_choice(const CliOption *o, const char *text, int *to, ArchError *e)
{
    char words[200] = "";
    for (int i = 0; o->choice[i]; i++) {
        if (strcmp(o->choice[i], text) == 0) {
            *to = i;
            return true;
        }
        size_t n = strlen(words);
        snprintf(words + n, sizeof words - n, "%s%s", i ? ", " : "", o->choice[i]);
    }
    return error_set(e, ARCH_EXIT_USAGE, "--%s: '%.60s' is not one of %s", o->name,
                     text, words);
}

static bool read_text(const CliOption *o, const char *text, const char **to,
                      ArchError *e)
{
    if (!*text)
        return value_error(o, text, "a name", e);
    *to = text;
    return true;
}

/* Entry number i of a list. */
static bool read_entry(const CliOption *o, char *text, int i, ArchError *e)
{
    if (o->kind == CLI_INTS)
        return read_int(o, text, &((CliInts *)o->value)->v[i], e);
    if (o->kind == CLI_DOUBLES)
        return read_double(o, text, &((CliDoubles *)o->value)->v[i], e);
    if (o->kind == CLI_TEXTS)
        return read_text(o, text, &((CliTexts *)o->value)->v[i], e);
    return read_lattice(o, text, &((CliLattices *)o->value)->v[i], e);
}

/* A range from entry number i on: how many entries it makes, 0 after an error. */
static int read_range(const CliOption *o, const char *text, int i, ArchError *e)
{
    double v[CLI_LIST_MAX];
    const CliRange r = {o->name, text, o->kind == CLI_INTS};
    const int n = cli_range(&r, v, CLI_LIST_MAX - i, e);
    for (int k = 0; k < n; k++) {
        if (!check_range(o, v[k], text, e))
            return 0;
        if (o->kind == CLI_INTS)
            ((CliInts *)o->value)->v[i + k] = (int64_t)v[k];
        else
            ((CliDoubles *)o->value)->v[i + k] = v[k];
    }
    return n;
}

static void set_count(const CliOption *o, int n)
{
    if (o->kind == CLI_INTS)
        ((CliInts *)o->value)->n = n;
    else if (o->kind == CLI_DOUBLES)
        ((CliDoubles *)o->value)->n = n;
    else if (o->kind == CLI_TEXTS)
        ((CliTexts *)o->value)->n = n;
    else
        ((CliLattices *)o->value)->n = n;
}

static bool read_list(const CliOption *o, char *text, ArchError *e)
{
    const bool numbers = o->kind == CLI_INTS || o->kind == CLI_DOUBLES;
    int n = 0;
    for (char *s = text; s;) {
        char *comma = strchr(s, ',');
        if (comma)
            *comma = '\0';
        if (n == CLI_LIST_MAX)
            return error_set(e, ARCH_EXIT_USAGE, "--%s: more than %d entries", o->name,
                             CLI_LIST_MAX);
        const int read = numbers && cli_is_range(s) ? read_range(o, s, n, e)
                                                    : read_entry(o, s, n, e);
        if (read == 0)
            return false;
        n += read;
        s = comma ? comma + 1 : NULL;
    }
    set_count(o, n);
    return true;
}

static bool read_value(const CliOption *o, char *text, ArchError *e)
{
    switch (o->kind) {
    case CLI_FLAG: *(bool *)o->value = true; return true;
    case CLI_INT: return read_int(o, text, o->value, e);
    case CLI_DOUBLE: return read_double(o, text, o->value, e);
    case CLI_TEXT: return read_text(o, text, o->value, e);
    case CLI_CHOICE: return read_choice(o, text, o->value, e);
    case CLI_INTS:
    case CLI_DOUBLES:
    case CLI_TEXTS:
    case CLI_LATTICES: return read_list(o, text, e);
    }
    return false;
}

static bool unknown_option(const CliCommand *c, const char *word, ArchError *e)
{
    const char *name[65];
    for (int i = 0; i < c->options; i++)
        name[i] = c->option[i].name;
    name[c->options] = "help";
    const char *near = cli_nearest(word + strspn(word, "-"), name, c->options + 1);
    if (near)
        return error_set(e, ARCH_EXIT_USAGE,
                         "%s: unknown option '%.60s', did you mean --%s?", c->name,
                         word, near);
    return error_set(e, ARCH_EXIT_USAGE,
                     "%s: unknown option '%.60s' (archrun %s --help lists them)",
                     c->name, word, c->name);
}

/* The option that `word` begins; *inline_value is what stands behind an '='. */
static int find_option(const CliCommand *c, char *word, char **inline_value)
{
    *inline_value = NULL;
    bool is_long = word[1] == '-';
    size_t n = is_long ? strcspn(word + 2, "=") : 0;
    for (int i = 0; i < c->options; i++) {
        const CliOption *o = &c->option[i];
        if (is_long && strlen(o->name) == n && strncmp(o->name, word + 2, n) == 0) {
            if (word[2 + n] == '=')
                *inline_value = word + 3 + n;
            return i;
        }
        if (!is_long && o->letter && word[1] == o->letter && !word[2])
            return i;
    }
    if (is_long)
        word[2 + n] = '\0'; /* the error names the option alone */
    return -1;
}

/* Reads the option at argv[*at] and moves *at onto its last word. */
static bool parse_option(const CliCommand *c, int argc, char **argv, int *at, Cli *cli,
                         ArchError *e)
{
    char *value;
    int i = find_option(c, argv[*at], &value);
    if (i < 0)
        return unknown_option(c, argv[*at], e);
    const CliOption *o = &c->option[i];
    if (cli->given >> i & 1)
        return error_set(e, ARCH_EXIT_USAGE, "--%s is given twice", o->name);
    cli->given |= UINT64_C(1) << i;
    if (o->kind == CLI_FLAG && value)
        return error_set(e, ARCH_EXIT_USAGE, "--%s takes no value", o->name);
    if (o->kind != CLI_FLAG && !value) {
        if (*at + 1 >= argc)
            return error_set(e, ARCH_EXIT_USAGE, "--%s needs a value", o->name);
        value = argv[++*at];
    }
    return read_value(o, value, e);
}

static bool check_complete(const CliCommand *c, const Cli *cli, ArchError *e)
{
    for (int i = 0; i < c->options; i++)
        if (c->option[i].required && !(cli->given >> i & 1))
            return error_set(e, ARCH_EXIT_USAGE,
                             "%s: --%s is missing (archrun %s --help)", c->name,
                             c->option[i].name, c->name);
    if (cli->args < c->least)
        return error_set(e, ARCH_EXIT_USAGE, "%s: %s is missing (archrun %s --help)",
                         c->name, c->args, c->name);
    return true;
}

bool cli_parse(const CliCommand *c, int argc, char **argv, Cli *cli, ArchError *e)
{
    *cli = (Cli){0};
    bool words_only = false; /* behind "--" */
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            cli->help = true;
            cli_help(c, stdout);
            return true;
        }
    for (int i = 0; i < argc; i++) {
        if (!words_only && strcmp(argv[i], "--") == 0) {
            words_only = true;
        } else if (!words_only && argv[i][0] == '-' && argv[i][1]) {
            if (!parse_option(c, argc, argv, &i, cli, e))
                return false;
        } else if (cli->args == c->most || cli->args == CLI_ARGS_MAX) {
            return error_set(e, ARCH_EXIT_USAGE, "%s: unexpected argument '%.100s'",
                             c->name, argv[i]);
        } else {
            cli->arg[cli->args++] = argv[i];
        }
    }
    return check_complete(c, cli, e);
}

bool cli_given(const CliCommand *c, const Cli *cli, const void *value)
{
    for (int i = 0; i < c->options; i++)
        if (c->option[i].value == value)
            return cli->given >> i & 1;
    return false;
}

const char *cli_lattice_text(char *to, int rank, const int64_t *extent)
{
    to[0] = '\0';
    for (int a = 0, n = 0; a < rank; a++)
        n += sprintf(to + n, "%s%lld", a ? "x" : "", (long long)extent[a]);
    return to;
}

int cli_fail(const ArchError *e)
{
    fprintf(stderr, "archrun: error: %s\n", e->text);
    return (int)e->code;
}
