#include "model_build.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "process.h"

#define WORDS_MAX 32 /* of the compiler's command line */

/* What a build depends on. */
typedef struct Recipe {
    const char *arch;
    const ModelChoice *choice;
    char archc[FILE_PATH_MAX];
    char compiler[FILE_PATH_MAX];
    char cc_text[1024]; /* $CC, its words separated by zeros */
    const char *cc[WORDS_MAX];
    int cc_words;
} Recipe;

static bool find_archc(char *path, ArchError *e)
{
    const char *set = getenv("ARCHC");
    if (set && *set) {
        if (process_find(set, path, FILE_PATH_MAX))
            return true;
        return error_set(e, ARCH_EXIT_FILE,
                         "ARCHC is set to %.300s, which is no program", set);
    }
    char beside[FILE_PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", beside, sizeof beside - 8);
    while (n > 0 && beside[n - 1] != '/')
        n--;
    memcpy(beside + (n > 0 ? n : 0), "archc", 6);
    if (n > 0 && process_find(beside, path, FILE_PATH_MAX))
        return true;
    if (process_find("archc", path, FILE_PATH_MAX))
        return true;
    return error_set(e, ARCH_EXIT_FILE,
                     "archc is neither beside archrun nor in PATH: set "
                     "ARCHC to it, or give a compiled model.so");
}

static bool find_compiler(Recipe *r, ArchError *e)
{
    const char *set = getenv("CC");
    snprintf(r->cc_text, sizeof r->cc_text, "%s", set && *set ? set : "cc");
    r->cc_words = 0;
    char *rest = r->cc_text;
    for (char *word; (word = strtok_r(rest, " \t", &rest)) && r->cc_words < WORDS_MAX;)
        r->cc[r->cc_words++] = word;
    if (r->cc_words && process_find(r->cc[0], r->compiler, sizeof r->compiler))
        return true;
    return error_set(
        e, ARCH_EXIT_FILE,
        "no C compiler ('%.100s' is no program): install gcc or clang, or set CC",
        r->cc_words ? r->cc[0] : "");
}

/* Hash of the text, of both programs and of all options. */
static bool recipe_hash(const Recipe *r, uint64_t *hash, ArchError *e)
{
    char *data;
    size_t size;
    uint64_t h = hash_text(HASH_INIT, "archrun cache 1");
    if (!file_read(r->arch, &data, &size, e))
        return false;
    h = hash_bytes(h, data, size);
    free(data);
    if (!file_read(r->archc, &data, &size, e))
        return false;
    h = hash_bytes(h, data, size);
    free(data);
    struct stat s = {0};
    stat(r->compiler, &s);
    int64_t identity[] = {s.st_size, s.st_mtime, (int64_t)s.st_ino, r->choice->real};
    h = hash_bytes(h, identity, sizeof identity);
    h = hash_text(h, r->compiler);
    for (int i = 0; i < r->cc_words; i++)
        h = hash_text(h, r->cc[i]);
    *hash = hash_text(h, r->choice->name ? r->choice->name : "");
    return true;
}

/* A folder of our own, in the cache (so that a rename can move a file there) or in /tmp. */
static bool make_scratch(char *path, const char *cache, ArchError *e)
{
    const char *tmp = getenv("TMPDIR");
    const char *try[] = {cache, tmp, "/tmp"};
    for (int i = 0; i < 3; i++) {
        if (!try[i] || !*try[i])
            continue;
        if (snprintf(path, FILE_PATH_MAX, "%s/build.XXXXXX", try[i]) <
                FILE_PATH_MAX - 64 &&
            mkdtemp(path))
            return true;
    }
    *path = '\0';
    return error_set(e, ARCH_EXIT_FILE,
                     "no folder to compile in: set XDG_CACHE_HOME or TMPDIR to one");
}

static bool is_cached(const char *path)
{
    char *data;
    size_t size;
    bool ok = cache_read(path, &data, &size);
    if (ok)
        free(data);
    return ok;
}

/* The one generated NAME.c of a folder, or the one of the model asked for. */
static bool find_source(const ModelBuild *b, const Recipe *r, char name[256],
                        ArchError *e)
{
    char all[300] = "";
    int n = 0;
    const char *want = r->choice->name;
    DIR *folder = opendir(b->scratch);
    for (struct dirent *d; folder && (d = readdir(folder));) {
        if (!text_ends_with(d->d_name, ".c"))
            continue;
        int length = (int)strlen(d->d_name) - 2;
        size_t asked = want ? strlen(want) : 0, used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%.*s", used ? ", " : "", length,
                 d->d_name);
        bool is_asked = want && strncmp(d->d_name, want, asked) == 0 &&
                        (strcmp(d->d_name + asked, ".c") == 0 ||
                         strcmp(d->d_name + asked, "_f64.c") == 0);
        if (want && !is_asked)
            continue;
        n++;
        snprintf(name, 256, "%.*s", length, d->d_name);
    }
    if (folder)
        closedir(folder);
    if (n == 1)
        return true;
    if (want)
        return error_set(e, ARCH_EXIT_USAGE, "%.150s has no model '%.60s', only %s",
                         r->arch, want, all);
    return error_set(e, ARCH_EXIT_USAGE,
                     "%.150s holds several models, choose one by --model: %s", r->arch,
                     all);
}

static bool too_long(const char *path, ArchError *e)
{
    return error_set(e, ARCH_EXIT_FILE, "the path %.200s.. is too long", path);
}

static bool run_archc(const ModelBuild *b, const Recipe *r, ArchError *e)
{
    char arch[FILE_PATH_MAX];
    if (!path_set(arch, "%s%s", r->arch[0] == '-' ? "./" : "", r->arch))
        return too_long(r->arch, e);
    const char *precision =
        r->choice->real == ARCH_F64 ? "--precision=f64" : "--precision=f32";
    const char *argv[] = {r->archc, precision, arch, "-o", b->scratch, NULL};
    int code = process_run(argv);
    if (code == 0)
        return true;
    if (code == ARCH_EXIT_MODEL)
        return error_set(e, ARCH_EXIT_MODEL, "%.300s has errors, see above", r->arch);
    return error_set(e, ARCH_EXIT_FILE, "%.200s failed on %.200s (exit %d)", r->archc,
                     r->arch, code);
}

/* One known name for the entry, whatever the model is called. */
static bool write_entry(const char *path, const char *name, ArchError *e)
{
    FILE *out = fopen(path, "w");
    if (!out)
        return error_set(e, ARCH_EXIT_FILE, "cannot write %.300s", path);
    fprintf(out,
            "#include \"%s.h\"\n\n"
            "const ArchModel *archrun_model(void);\n"
            "const ArchModel *archrun_model(void)\n{\n    return %s_model();\n}\n",
            name, name);
    return fclose(out) == 0 ? true
                            : error_set(e, ARCH_EXIT_FILE, "cannot write %.300s", path);
}

static bool run_compiler(const ModelBuild *b, const Recipe *r, const char *library,
                         ArchError *e)
{
    char name[256], source[FILE_PATH_MAX], entry[FILE_PATH_MAX];
    if (!find_source(b, r, name, e))
        return false;
    if (!path_set(source, "%s/%s.c", b->scratch, name) ||
        !path_set(entry, "%s/archrun-entry.c", b->scratch))
        return too_long(b->scratch, e);
    if (!write_entry(entry, name, e))
        return false;
    const char *argv[WORDS_MAX + 12];
    int n = 0;
    while (n < r->cc_words) {
        argv[n] = r->cc[n];
        n++;
    }
    const char *option[] = {"-O2",   "-std=c11", "-fPIC", "-shared", "-o",
                            library, source,     entry,   "-lm",     NULL};
    memcpy(argv + n, option, sizeof option);
    int code = process_run(argv);
    return code == 0
               ? true
               : error_set(
                     e, ARCH_EXIT_FILE,
                     "the C compiler %.200s failed (exit %d), see above: set CC to "
                     "another",
                     r->cc[0], code);
}

/* Builds in the scratch folder and moves the library into the cache if there is one. */
static bool build(ModelBuild *b, const Recipe *r, const char *cached, ArchError *e)
{
    char library[FILE_PATH_MAX];
    if (!path_set(library, "%s/model.so", b->scratch))
        return too_long(b->scratch, e);
    if (!run_archc(b, r, e) || !run_compiler(b, r, library, e) ||
        !cache_seal(library, e))
        return false;
    bool moved = *cached && rename(library, cached) == 0;
    memcpy(b->library, moved ? cached : library, FILE_PATH_MAX);
    if (moved)
        model_build_release(b);
    return true;
}

bool model_build(ModelBuild *b, const char *arch, const ModelChoice *choice,
                 ArchError *e)
{
    Recipe r = {.arch = arch, .choice = choice};
    char cache[FILE_PATH_MAX] = "", cached[FILE_PATH_MAX] = "";
    uint64_t hash;
    *b = (ModelBuild){0};
    if (!file_exists(arch))
        return error_set(e, ARCH_EXIT_FILE, "cannot read %.300s: %s", arch,
                         strerror(errno));
    if (!find_archc(r.archc, e) || !find_compiler(&r, e) || !recipe_hash(&r, &hash, e))
        return false;
    bool has_cache =
        cache_folder(cache) && path_set(cached, "%s/%016" PRIx64 ".so", cache, hash);
    if (!has_cache)
        *cached = '\0';
    if (has_cache && is_cached(cached)) {
        memcpy(b->library, cached, sizeof cached);
        return true;
    }
    if (!make_scratch(b->scratch, has_cache ? cache : NULL, e))
        return false;
    if (isatty(STDERR_FILENO)) /* somebody waits */
        fprintf(stderr, "archrun: compiling %s%s\n", arch,
                has_cache ? ", this once" : "");
    bool ok = build(b, &r, cached, e);
    if (!ok)
        model_build_release(b);
    return ok;
}

void model_build_release(ModelBuild *b)
{
    if (!*b->scratch)
        return;
    DIR *folder = opendir(b->scratch);
    for (struct dirent *d; folder && (d = readdir(folder));) {
        char path[FILE_PATH_MAX];
        if (d->d_name[0] != '.' && path_set(path, "%s/%s", b->scratch, d->d_name))
            unlink(path);
    }
    if (folder)
        closedir(folder);
    rmdir(b->scratch);
    *b->scratch = '\0';
}
