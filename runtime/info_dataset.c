#include "info_dataset.h"

#include "archrt/dataset.h"
#include "archrt/stats.h"
#include "flux_verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The samples of one group with one parameter set. */
typedef struct Line {
    const DatasetGroup *group;
    const DatasetSet *set; /* NULL: the file does not say          */
    int64_t samples;
    const double *obs;               /* (samples, 2), or NULL                */
    const DatasetSampling *sampling; /* or NULL */
    Stats n, phi2;
} Line;

typedef void Print(const Line *l, FILE *out);

static void json_number(const char *key, double value, FILE *out)
{
    if (isfinite(value))
        fprintf(out, "\"%s\": %.12g, ", key, value);
    else
        fprintf(out, "\"%s\": null, ", key);
}

static void json_stats(const char *key, const Line *l, const Stats *s, FILE *out)
{
    if (l->obs == NULL)
        fprintf(out, "\"%s\": null", key);
    else
        fprintf(out, "\"%s\": {\"mean\": %.12g, \"error\": %.6g, \"tau\": %.6g}", key,
                s->mean, s->error, s->tau);
}

static void json_sampling(const DatasetSampling *s, FILE *out)
{
    if (s == NULL) {
        fputs("\"sampling\": null", out);
        return;
    }
    fputs("\"sampling\": {", out);
    json_number("tau", s->tau > 0 ? s->tau : NAN, out);
    json_number("error", s->tau > 0 ? s->error : NAN, out);
    fprintf(out, "\"between\": %lld, \"thermal\": %lld, \"worms\": %lld}",
            (long long)s->between, (long long)s->thermal, (long long)s->worms);
}

static void print_json(const Line *l, FILE *out)
{
    fputs("{\"lattice\": [", out);
    for (int i = 0; i < l->group->rank; i++)
        fprintf(out, "%s%lld", i > 0 ? ", " : "", (long long)l->group->extent[i]);
    fputs("], ", out);
    json_number("eta", l->set ? l->set->eta : NAN, out);
    json_number("lambda", l->set ? l->set->lambda : NAN, out);
    json_number("mu", l->set ? l->set->mu : NAN, out);
    json_number("worms", l->set ? l->set->worms : NAN, out);
    fprintf(out, "\"samples\": %lld, ", (long long)l->samples);
    json_stats("n", l, &l->n, out);
    fputs(", ", out);
    json_stats("phi2", l, &l->phi2, out);
    fputs(", ", out);
    json_sampling(l->sampling, out);
    fputs("}\n", out);
}

static void print_sampling(const DatasetSampling *s, FILE *out)
{
    if (s->tau > 0)
        fprintf(out, "  %7.2f +- %5.2f", s->tau, s->error);
    else
        fprintf(out, "  %16s", "-");
    fprintf(out, " %7lld %7lld %6lld", (long long)s->between, (long long)s->thermal,
            (long long)s->worms);
}

static void print_row(const Line *l, FILE *out)
{
    char lattice[96];
    dataset_lattice(l->group, lattice);
    fprintf(out, "%10s", lattice);
    if (l->set)
        fprintf(out, " %8g %8g %8g %6d", l->set->eta, l->set->lambda, l->set->mu,
                l->set->worms);
    else
        fprintf(out, " %8s %8s %8s %6s", "-", "-", "-", "-");
    fprintf(out, " %9lld", (long long)l->samples);
    if (l->obs)
        fprintf(out, "  %9.6f +- %.6f %6.2f  %9.6f +- %.6f %6.2f", l->n.mean,
                l->n.error, l->n.tau, l->phi2.mean, l->phi2.error, l->phi2.tau);
    else
        fprintf(out, "  %21s %6s  %21s %6s", "-", "-", "-", "-");
    if (l->sampling)
        print_sampling(l->sampling, out);
    fputc('\n', out);
}

static const char *type_name(ArchType type)
{
    switch (type) {
    case ARCH_I8: return "int8";
    case ARCH_I16: return "int16";
    case ARCH_I32: return "int32";
    case ARCH_F32: return "float32";
    case ARCH_F64: return "float64";
    }
    return "?";
}

static void print_head(const Dataset *d, FILE *out)
{
    fprintf(out, "%s data", d->kind[0] ? d->kind : "foreign");
    if (d->kind[0])
        fprintf(out, ", seed %llu", (unsigned long long)d->seed);
    fprintf(out, ", %d lattice%s, %d channels of %s, %d output%s\n", d->groups,
            d->groups == 1 ? "" : "s", d->group[0].channels,
            type_name(d->group[0].type), d->group[0].outputs,
            d->group[0].outputs == 1 ? "" : "s");
    if (d->protocol[0])
        fprintf(out, "%s\n", d->protocol);
    const bool sampling = d->group[0].sampling != NULL;
    if (sampling)
        fputs(
            "\nOn the right, in sweeps: tau of the pilot, from sample to sample, before "
            "the first;\nand the worms of a sweep.\n",
            out);
    fprintf(out, "\n%10s %8s %8s %8s %6s %9s  %21s %6s  %21s %6s", "lattice", "eta",
            "lambda", "mu", "worms", "samples", "n", "tau", "|phi|^2", "tau");
    if (sampling)
        fprintf(out, "  %16s %7s %7s %6s", "tau of pilot", "between", "thermal",
                "sweep");
    fputc('\n', out);
}

static void print_line(Line *l, Print *print, FILE *out)
{
    if (l->obs) {
        stats_gamma(l->obs, l->samples, 2, &l->n);
        stats_gamma(l->obs + 1, l->samples, 2, &l->phi2);
    }
    print(l, out);
}

/* Where the samples of each set begin if they are sorted by set, in the order of the
 * file: begin[sets] is their number. */
static void count_sets(const DatasetGroup *g, int sets, int64_t *begin)
{
    for (int64_t i = 0; i < g->samples; i++)
        begin[g->set[i] + 1]++;
    for (int s = 0; s < sets; s++)
        begin[s + 1] += begin[s];
}

static void sort_obs(const DatasetGroup *g, int64_t *next, double *sorted)
{
    for (int64_t i = 0; i < g->samples; i++) {
        const int64_t to = next[g->set[i]]++;
        sorted[2 * to] = g->obs[2 * i];
        sorted[2 * to + 1] = g->obs[2 * i + 1];
    }
}

static bool print_sets(const Dataset *d, const DatasetGroup *g, Print *print, FILE *out)
{
    int64_t *begin = calloc((size_t)d->sets + 1, sizeof *begin);
    int64_t *next = calloc((size_t)d->sets + 1, sizeof *next);
    double *obs = g->obs ? malloc((size_t)g->samples * 2 * sizeof *obs) : NULL;
    const bool ok = begin && next && (obs || !g->obs);
    if (ok) {
        count_sets(g, d->sets, begin);
        for (int s = 0; s < d->sets; s++)
            next[s] = begin[s];
        if (obs)
            sort_obs(g, next, obs);
    }
    for (int s = 0; ok && s < d->sets; s++) {
        Line l = {.group = g,
                  .set = &d->set[s],
                  .samples = begin[s + 1] - begin[s],
                  .obs = obs ? obs + 2 * begin[s] : NULL,
                  .sampling = g->sampling ? &g->sampling[s] : NULL};
        if (l.samples > 0)
            print_line(&l, print, out);
    }
    free(begin);
    free(next);
    free(obs);
    return ok;
}

static void print_verdict(const Dataset *d, bool checked, FILE *out)
{
    bool back = strcmp(d->kind, "flux") == 0;
    for (int i = 0; i < d->groups; i++)
        back = back || d->group[i].paths.worm != NULL;
    fprintf(out, "\n%s\n",
            !checked ? "not checked: the file does not say what kind of data it holds"
            : back   ? "checked on every sample: flux conservation, labels, n, |phi|^2"
                     : "checked on every sample: flux conservation, labels; n and "
                       "|phi|^2 where no worm is open");
}

bool info_dataset(const char *path, bool json, FILE *out, ArchError *e)
{
    Dataset d;
    if (!dataset_read(&d, path, e))
        return false;
    Print *print = json ? print_json : print_row;
    bool ok = true;
    if (!json)
        print_head(&d, out);
    for (int i = 0; ok && i < d.groups; i++) {
        const DatasetGroup *g = &d.group[i];
        Line l = {.group = g, .samples = g->samples, .obs = g->obs};
        if (g->set && d.sets > 0)
            ok = print_sets(&d, g, print, out);
        else
            print_line(&l, print, out);
    }
    bool checked = false;
    ok = ok || error_set(e, ARCH_EXIT_FILE, "%s: out of memory", path);
    ok = ok && flux_verify(&d, path, &checked, e);
    if (ok && !json)
        print_verdict(&d, checked, out);
    dataset_release(&d);
    return ok;
}
