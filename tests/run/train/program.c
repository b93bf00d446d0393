#include "program.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

int program_run(const char *line, char *out, char *err)
{
    char *words = strdup(line), *argv[WORDS_MAX + 1], *rest = words;
    int argc = 0, status;
    while (argc < WORDS_MAX && (argv[argc] = strtok_r(rest, " ", &rest)))
        argc++;
    argv[argc] = NULL;
    pid_t child = fork();
    if (child == 0) {
        redirect(STDOUT_FILENO, "said.out");
        redirect(STDERR_FILENO, "said.err");
        execv(argv[0], argv);
        _exit(127);
    }
    free(words);
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -1;
    read_all("said.out", out);
    read_all("said.err", err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
