#include "flux_parts.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first line of a job.  The number changes with what the parts hold or how the samples
 * are made. */
static const char job_words[] = "archrun data, parts of version";
enum { JOB_VERSION = 2 };

static void describe_sweeps(FILE *out, const char *name, int64_t sweeps)
{
    if (sweeps == FLUX_DATA_AUTO)
        fprintf(out, "%s by a pilot\n", name);
    else
        fprintf(out, "%s %" PRId64 "\n", name, sweeps);
}

/* Everything the samples depend on. */
static char *describe_job(const FluxDataSpec *s)
{
    char *text = NULL, lattice[96];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    fprintf(out,
            "%s %d\nseed %" PRIu64 "\nsamples %" PRId64 "\nkind %s\nlength %d %.17g\n"
            "paths %d\n",
            job_words, JOB_VERSION, s->seed, s->samples,
            s->worms == NULL ? "flux"
            : s->detect      ? "open"
                             : "worms",
            (int)s->length, s->steps, s->paths);
    describe_sweeps(out, "thermal", s->thermal);
    describe_sweeps(out, "between", s->between);
    fputs("lattice", out);
    for (int i = 0; i < s->lattices; i++) {
        lattice_text(s->lattice[i].rank, s->lattice[i].extent, lattice);
        fprintf(out, " %s", lattice);
    }
    for (int i = 0; i < s->points; i++)
        fprintf(out, "\npoint eta %.17g lambda %.17g mu %.17g", s->point[i].eta,
                s->point[i].lambda, s->point[i].mu);
    fputs("\nworms", out);
    for (int i = 0; s->worms != NULL && i < s->counts; i++)
        fprintf(out, " %d", s->worms[i]);
    fputc('\n', out);
    return fclose(out) == 0 ? text : NULL;
}

/* The first line in which two jobs differ, without its end. */
static void first_difference(const char *there, const char *asked, char text[2][100])
{
    const char *a = there, *b = asked;
    for (;;) {
        const size_t m = strcspn(a, "\n"), n = strcspn(b, "\n");
        if (m != n || strncmp(a, b, m) != 0 || a[m] == '\0' || b[n] == '\0') {
            snprintf(text[0], 100, "%.*s", m < 90 ? (int)m : 90, a);
            snprintf(text[1], 100, "%.*s", n < 90 ? (int)n : 90, b);
            return;
        }
        a += m + 1;
        b += n + 1;
    }
}

/* Whether the job of a folder can be compared with ours. */
static bool check_version(const char *folder, const char *job, ArchError *e)
{
    const size_t words = strlen(job_words);
    int version = 0;
    if (strncmp(job, job_words, words) != 0 || sscanf(job + words, "%d", &version) != 1)
        return error_set(e, ARCH_EXIT_FILE,
                         "%.300s does not hold the parts of a job: move it away, or "
                         "remove it",
                         folder);
    return version == JOB_VERSION ||
           error_set(e, ARCH_EXIT_FILE,
                     "%.300s holds parts of version %d, of another archrun; this one "
                     "makes version %d: finish with that one, or remove the folder and "
                     "begin again",
                     folder, version, JOB_VERSION);
}

static bool check_job(const FluxParts *p, const char *there, ArchError *e)
{
    char line[2][100];
    if (!check_version(p->folder, there, e))
        return false;
    if (strcmp(there, p->job) == 0)
        return true;
    first_difference(there, p->job, line);
    return error_set(e, ARCH_EXIT_USAGE,
                     "%.200s holds parts of another job ('%s', not '%s'): finish that "
                     "one, or remove the folder",
                     p->folder, line[0], line[1]);
}

/* Whether parts can be saved there once it is time. */
static bool check_folder(const char *folder, ArchError *e)
{
    struct stat s;
    if (stat(folder, &s) != 0)
        return true;
    if (S_ISDIR(s.st_mode) && access(folder, W_OK) == 0)
        return true;
    return error_set(e, ARCH_EXIT_FILE, "cannot write to the folder %.300s: %s", folder,
                     strerror(S_ISDIR(s.st_mode) ? errno : ENOTDIR));
}

bool flux_parts_open(FluxParts *p, const FluxDataSpec *s, ArchError *e)
{
    char path[FILE_PATH_MAX], *there;
    size_t size;
    *p = (FluxParts){0};
    if (!path_set(p->folder, "%s", s->parts) || !path_set(path, "%s/job", s->parts))
        return error_set(e, ARCH_EXIT_USAGE, "the name of the output is too long");
    if ((p->job = describe_job(s)) == NULL)
        return error_set(e, ARCH_EXIT_FILE, "out of memory for a job");
    p->hash = hash_text(HASH_INIT, p->job);
    if (!check_folder(p->folder, e))
        return false;
    if (!file_exists(path))
        return true;
    if (!file_read(path, &there, &size, e))
        return false;
    p->there = check_job(p, there, e);
    free(there);
    return p->there;
}

void flux_parts_release(FluxParts *p)
{
    free(p->job);
    p->job = NULL;
}

/* Bytes on their way into a file, with their hash. */
typedef struct Sink {
    FILE *out;
    uint64_t hash;
} Sink;

static void put(Sink *s, const void *data, size_t n)
{
    fwrite(data, 1, n, s->out);
    s->hash = hash_bytes(s->hash, data, n);
}

/* Bytes of a file whose hash is right. */
typedef struct Source {
    const char *at, *end;
} Source;

static bool get(Source *s, void *data, size_t n)
{
    if ((size_t)(s->end - s->at) < n)
        return false;
    memcpy(data, s->at, n);
    s->at += n;
    return true;
}

static size_t sample_bytes(const FluxPart *p)
{
    return (size_t)p->group->channels * (size_t)dataset_sites(p->group);
}

static void put_chain(Sink *s, const FluxChain *c)
{
    const size_t sites = (size_t)c->lattice.sites;
    put(s, &c->draws, sizeof c->draws);
    put(s, &c->proposals, sizeof c->proposals);
    put(s, &c->updates, sizeof c->updates);
    put(s, &c->worms, sizeof c->worms);
    put(s, c->field.links, sites * 2 * (size_t)c->lattice.rank);
    put(s, c->field.half, sites * sizeof *c->field.half);
}

static bool get_chain(Source *s, FluxChain *c)
{
    const size_t sites = (size_t)c->lattice.sites;
    return get(s, &c->draws, sizeof c->draws) &&
           get(s, &c->proposals, sizeof c->proposals) &&
           get(s, &c->updates, sizeof c->updates) &&
           get(s, &c->worms, sizeof c->worms) &&
           get(s, c->field.links, sites * 2 * (size_t)c->lattice.rank) &&
           get(s, c->field.half, sites * sizeof *c->field.half);
}

static void put_row(Sink *s, const FluxPart *p, int64_t row)
{
    const DatasetGroup *g = p->group;
    put(s, (const int8_t *)g->x + (size_t)row * sample_bytes(p), sample_bytes(p));
    put(s, g->obs + 2 * row, 2 * sizeof *g->obs);
    put(s, g->y + row * g->outputs, (size_t)g->outputs * sizeof *g->y);
    if (p->paths == NULL)
        return;
    const WormsPaths *w = &p->paths[row];
    put(s, &w->worms, sizeof w->worms);
    put(s, &w->steps, sizeof w->steps);
    if (w->worms > 0) {
        put(s, w->end, (size_t)w->worms * sizeof *w->end);
        put(s, w->step, (size_t)w->steps * 2 * sizeof *w->step);
    }
}

static bool get_paths(Source *s, WormsPaths *w)
{
    worms_paths_release(w);
    if (!get(s, &w->worms, sizeof w->worms) || !get(s, &w->steps, sizeof w->steps) ||
        w->worms < 0 || w->steps < w->worms || w->steps > s->end - s->at) {
        *w = (WormsPaths){0};
        return false;
    }
    w->space = w->steps;
    w->end = memory_new((size_t)w->worms * sizeof *w->end);
    w->step = memory_new((size_t)w->steps * 2 * sizeof *w->step);
    return get(s, w->end, (size_t)w->worms * sizeof *w->end) &&
           get(s, w->step, (size_t)w->steps * 2 * sizeof *w->step);
}

static bool get_row(Source *s, const FluxPart *p, int64_t row)
{
    const DatasetGroup *g = p->group;
    return get(s, (int8_t *)g->x + (size_t)row * sample_bytes(p), sample_bytes(p)) &&
           get(s, g->obs + 2 * row, 2 * sizeof *g->obs) &&
           get(s, g->y + row * g->outputs, (size_t)g->outputs * sizeof *g->y) &&
           (p->paths == NULL || get_paths(s, &p->paths[row]));
}

static bool part_path(const FluxParts *f, const FluxPart *p, char path[FILE_PATH_MAX])
{
    return path_set(path, "%s/%" PRId64 ".part", f->folder, p->index);
}

static bool get_part(Source *s, const FluxParts *f, FluxPart *p)
{
    uint64_t job;
    int64_t index, done;
    if (!get(s, &job, sizeof job) || !get(s, &index, sizeof index) ||
        !get(s, &done, sizeof done) || job != f->hash || index != p->index ||
        done < 1 || done > p->all || !get_chain(s, p->chain))
        return false;
    for (int j = 0; j < p->counts; j++)
        for (int64_t i = 0; i < done; i++)
            if (!get_row(s, p, p->first + j * p->stride + i))
                return false;
    p->done = done;
    return s->at == s->end;
}

/* Opens a file of parts if its hash is right; *data is freed by the caller. */
static bool open_source(Source *s, const char *path, char **data)
{
    size_t size;
    uint64_t hash = 0;
    ArchError e;
    *data = NULL;
    if (!file_exists(path) || !file_read(path, data, &size, &e) || size < sizeof hash)
        return false;
    size -= sizeof hash;
    memcpy(&hash, *data + size, sizeof hash);
    *s = (Source){*data, *data + size};
    return hash == hash_bytes(HASH_INIT, *data, size);
}

bool flux_parts_load(const FluxParts *f, FluxPart *p)
{
    char path[FILE_PATH_MAX], *data = NULL;
    Source s;
    p->done = 0;
    const bool ok = f->there && part_path(f, p, path) && open_source(&s, path, &data) &&
                    get_part(&s, f, p);
    free(data);
    return ok;
}

void flux_parts_load_pilots(const FluxParts *f, Dataset *d)
{
    char path[FILE_PATH_MAX], *data = NULL;
    Source s;
    uint64_t job;
    const size_t bytes = (size_t)d->sets * sizeof *d->group->sampling;
    if (f->there && path_set(path, "%s/pilots", f->folder) &&
        open_source(&s, path, &data) && get(&s, &job, sizeof job) && job == f->hash &&
        (size_t)(s.end - s.at) == (size_t)d->groups * bytes)
        for (int i = 0; i < d->groups; i++)
            get(&s, d->group[i].sampling, bytes);
    free(data);
}

/* The folder with its job, when the first part is saved. */
static bool make_folder(FluxParts *f, ArchError *e)
{
    char path[FILE_PATH_MAX];
    FileDraft d;
    if (mkdir(f->folder, 0777) != 0 && errno != EEXIST)
        return error_set(e, ARCH_EXIT_FILE, "cannot make the folder %.300s: %s",
                         f->folder, strerror(errno));
    if (!path_set(path, "%s/job", f->folder) || !file_begin(&d, path, e))
        return false;
    fputs(f->job, d.out);
    return f->there = file_commit(&d, e);
}

static bool close_sink(const Sink *s, FileDraft *d, ArchError *e)
{
    fwrite(&s->hash, sizeof s->hash, 1, d->out);
    return file_commit(d, e);
}

bool flux_parts_save(FluxParts *f, const FluxPart *p, ArchError *e)
{
    char path[FILE_PATH_MAX];
    FileDraft d;
    if (!f->there && !make_folder(f, e))
        return false;
    if (!part_path(f, p, path) || !file_begin(&d, path, e))
        return false;
    Sink s = {d.out, HASH_INIT};
    put(&s, &f->hash, sizeof f->hash);
    put(&s, &p->index, sizeof p->index);
    put(&s, &p->done, sizeof p->done);
    put_chain(&s, p->chain);
    for (int j = 0; j < p->counts; j++)
        for (int64_t i = 0; i < p->done; i++)
            put_row(&s, p, p->first + j * p->stride + i);
    return close_sink(&s, &d, e);
}

bool flux_parts_save_pilots(FluxParts *f, const Dataset *d, ArchError *e)
{
    char path[FILE_PATH_MAX];
    FileDraft draft;
    if (!f->there && !make_folder(f, e))
        return false;
    if (!path_set(path, "%s/pilots", f->folder) || !file_begin(&draft, path, e))
        return false;
    Sink s = {draft.out, HASH_INIT};
    put(&s, &f->hash, sizeof f->hash);
    for (int i = 0; i < d->groups; i++)
        put(&s, d->group[i].sampling, (size_t)d->sets * sizeof *d->group[i].sampling);
    return close_sink(&s, &draft, e);
}

bool flux_data_forget(const char *folder, ArchError *e)
{
    char path[FILE_PATH_MAX];
    DIR *all = opendir(folder);
    if (all == NULL)
        return true;
    for (struct dirent *i; (i = readdir(all)) != NULL;)
        if (i->d_name[0] != '.' && path_set(path, "%s/%s", folder, i->d_name))
            unlink(path);
    closedir(all);
    return rmdir(folder) == 0 ||
           error_set(e, ARCH_EXIT_FILE, "cannot remove the parts in %.300s: %s", folder,
                     strerror(errno));
}
