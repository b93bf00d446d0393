#define _XOPEN_SOURCE 700 /* for terminals */
#include "program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void read_all(const char *path, char *to)
{
    FILE *in = fopen(path, "rb");
    size_t n = in ? fread(to, 1, SAID_MAX - 1, in) : 0;
    to[n] = '\0';
    if (in)
        fclose(in);
}

static void redirect(int fd, const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(file, fd);
    close(file);
}

/* Runs the words of `line` in a child that has done prepare(what) first. */
static pid_t run_words(const char *line, void (*prepare)(void *), void *what)
{
    char *words = strdup(line), *argv[WORDS_MAX + 1], *rest = words;
    int argc = 0;
    while (argc < WORDS_MAX && (argv[argc] = strtok_r(rest, " ", &rest)))
        argc++;
    argv[argc] = NULL;
    pid_t child = fork();
    if (child == 0) {
        prepare(what);
        execv(argv[0], argv);
        _exit(127);
    }
    free(words);
    return child;
}

static int end_of(pid_t child)
{
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void into_files(void *unused)
{
    (void)unused;
    redirect(STDOUT_FILENO, "said.out");
    redirect(STDERR_FILENO, "said.err");
}

int program_run(const char *line, char *out, char *err)
{
    int code = end_of(run_words(line, into_files, NULL));
    read_all("said.out", out);
    read_all("said.err", err);
    return code;
}

/* ---- beside the test ---- */

static void onto_terminal(void *terminal)
{
    int other = open(ptsname(*(int *)terminal), O_WRONLY | O_NOCTTY);
    dup2(other, STDERR_FILENO);
    close(other);
    setenv("TERM", "xterm", 1);
}

bool program_start(Program *p, const char *line)
{
    *p = (Program){-1, posix_openpt(O_RDWR | O_NOCTTY)};
    if (p->terminal >= 0 && grantpt(p->terminal) == 0 && unlockpt(p->terminal) == 0)
        p->pid = run_words(line, onto_terminal, &p->terminal);
    return p->pid >= 0;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool program_says(const Program *p, const char *text, int seconds)
{
    static char said[SAID_MAX];
    struct pollfd ready = {.fd = p->terminal, .events = POLLIN};
    const double end = now() + seconds;
    size_t n = 0;
    for (said[0] = '\0'; !strstr(said, text); said[n] = '\0') {
        const double left = end - now();
        ssize_t more = 0;
        if (left > 0 && poll(&ready, 1, (int)(1e3 * left) + 1) > 0)
            more = read(p->terminal, said + n, sizeof said - 1 - n);
        if (more <= 0) {
            fprintf(stderr, "no '%s' within %d s, only: %s\n", text, seconds, said);
            return false;
        }
        n += (size_t)more;
    }
    return true;
}

int program_stop(Program *p, int signal)
{
    kill(p->pid, signal);
    int code = end_of(p->pid);
    close(p->terminal);
    return code;
}
