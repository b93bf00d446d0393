#include "stop.h"

#include <stddef.h>

static sigset_t stop_signals(void)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    return stop;
}

sigset_t stop_hold(void)
{
    sigset_t stop = stop_signals(), before;
    pthread_sigmask(SIG_BLOCK, &stop, &before);
    return before;
}

void stop_release(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

bool stop_asked(void)
{
    sigset_t waiting;
    sigpending(&waiting);
    return sigismember(&waiting, SIGINT) || sigismember(&waiting, SIGTERM);
}

void stop_take(void)
{
    sigset_t stop = stop_signals();
    for (int signal; stop_asked();)
        sigwait(&stop, &signal);
}
