#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int process_run(const char *const *argv)
{
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        return PROCESS_NOT_FOUND;
    if (child == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(argv[0],
               (char *const *)(size_t)argv); /* exec changes none of the words */
        _exit(PROCESS_NOT_FOUND);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return PROCESS_NOT_FOUND;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool is_program(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode) && access(path, X_OK) == 0;
}

bool process_find(const char *name, char *path, size_t size)
{
    if (strchr(name, '/')) {
        snprintf(path, size, "%s", name);
        return is_program(path);
    }
    const char *s = getenv("PATH");
    for (s = s ? s : "/usr/bin:/bin"; *name; s++) {
        int n = (int)strcspn(s, ":");
        snprintf(path, size, "%.*s%s%s", n, s, n ? "/" : "", name);
        if (is_program(path))
            return true;
        s += n;
        if (!*s)
            break;
    }
    return false;
}
