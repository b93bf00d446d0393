#include "plot_script.h"

#include <string.h>

#include "process.h"

/* Path with its last suffix replaced. */
static void beside(char to[FILE_PATH_MAX], const char *path, const char *suffix)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    bool has = dot && dot > (slash ? slash + 1 : path);
    file_sibling(to, path, has ? dot : "", suffix);
}

void plot_files(PlotFiles *f, const char *picture)
{
    f->picture = picture;
    beside(f->script, picture, ".gp");
    beside(f->data, picture, ".dat");
}

void plot_quoted(FILE *out, const char *name)
{
    fputc('\'', out);
    for (; *name; name++) {
        if (*name == '\'')
            fputc('\'', out);
        fputc(*name, out);
    }
    fputc('\'', out);
}

void plot_terminal(FILE *out, const char *picture, int width, int height)
{
    if (text_ends_with(picture, ".pdf"))
        fprintf(out, "set terminal pdfcairo size %gin,%gin\nset output ", width / 150.0,
                height / 150.0);
    else
        fprintf(out, "set terminal %s size %d,%d\nset output ",
                text_ends_with(picture, ".svg") ? "svg" : "png", width, height);
    plot_quoted(out, picture);
    fputc('\n', out);
}

bool plot_draw(const PlotFiles *f, bool *drawn, ArchError *e)
{
    char program[FILE_PATH_MAX];
    *drawn = process_find("gnuplot", program, sizeof program);
    if (!*drawn)
        return true;
    const char *argv[] = {program, f->script, NULL};
    int code = process_run(argv);
    return code == 0 ? true
                     : error_set(e, ARCH_EXIT_FILE,
                                 "gnuplot failed on %.300s (exit %d)", f->script, code);
}
