/* Our PID 1: forwards signals to the program, reaps all, and ends with the program's status. Under the program's own filter and ids. */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors.h"
#include "kernel_calls.h"

static void forward(const siginfo_t *info, pid_t program) {
    if (info->si_signo != SIGCHLD)
        kill(program, info->si_signo);
}

static noreturn void finish(struct context *context, int status) {
    struct message message = {.type = MESSAGE_EXITED, .value = status};
    int ignored;
    kill(-1, SIGKILL);
    while (waitpid(-1, &ignored, 0) > 0 || errno == EINTR)
        ;
    channel_send(context->channel, &message, -1);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

noreturn void reaper_main(struct context *context, pid_t program, int started) {
    struct message message = {.type = MESSAGE_STARTED};
    char byte;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    ssize_t got;
    do /* end of file: execve closed the other end, or the program is dead and said why on the channel */
        got = read(started, &byte, 1);
    while (got < 0 && errno == EINTR);
    close(started);
    channel_send(context->channel, &message, -1);
    for (;;) {
        int status;
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == program)
                finish(context, status);
        siginfo_t info;
        if (sigwaitinfo(&all, &info) > 0)
            forward(&info, program);
    }
}
