#include "cli.h"

#include <math.h>
#include <string.h>

static const char *value_name(const CliOption *o)
{
    if (o->arg)
        return o->arg;
    switch (o->kind) {
    case CLI_FLAG: return "";
    case CLI_INT: return "N";
    case CLI_DOUBLE: return "X";
    case CLI_TEXT: return "NAME";
    case CLI_INTS: return "N,N:N,..";
    case CLI_DOUBLES: return "X,X:X:STEP,..";
    case CLI_TEXTS: return "NAME,..";
    case CLI_LATTICES: return "TxX,..";
    case CLI_CHOICE: return "WORD";
    }
    return "";
}

/* The value an option keeps if it is not given, where that says something: below the
 * least that can be given it stands for "chosen by the program". */
static void print_default(const CliOption *o, FILE *out)
{
    if (o->required)
        fprintf(out, " (required)");
    else if (o->kind == CLI_INT && (double)*(const int64_t *)o->value >= o->min)
        fprintf(out, " [%lld]", (long long)*(const int64_t *)o->value);
    else if (o->kind == CLI_DOUBLE)
        fprintf(out, " [%g]", *(const double *)o->value);
    else if (o->kind == CLI_CHOICE)
        fprintf(out, " [%s]", o->choice[*(const int *)o->value]);
}

static void print_choice(const CliOption *o, FILE *out)
{
    for (int i = 0; o->kind == CLI_CHOICE && o->choice[i]; i++)
        fprintf(out, "%s%s", i ? "|" : ": ", o->choice[i]);
}

static void print_option(const CliOption *o, FILE *out)
{
    char left[64];
    int n = snprintf(left, sizeof left, "--%s %s", o->name, value_name(o));
    if (o->letter)
        fprintf(out, "  -%c, %-24s", o->letter, left);
    else
        fprintf(out, "      %-24s", left);
    if (n > 23)
        fprintf(out, "\n%30s", "");
    fprintf(out, " %s", o->help);
    print_choice(o, out);
    print_default(o, out);
    fputc('\n', out);
}

void cli_help(const CliCommand *c, FILE *out)
{
    fprintf(out, "usage: archrun %s%s%s [options]\n\n%s\n\noptions:\n", c->name,
            *c->args ? " " : "", c->args, c->summary);
    for (int i = 0; i < c->options; i++)
        print_option(&c->option[i], out);
    fprintf(out, "  -h, %-24s %s\n", "--help", "this text");
    if (c->example)
        fprintf(out, "\nexamples:\n%s", c->example);
}
