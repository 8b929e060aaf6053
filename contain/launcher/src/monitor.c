/* Waits for the container to end: forwards signals, keeps the time limit, and tears down. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actors.h"
#include "kernel_calls.h"

int monitor_prepare(struct context *context) {
    sigset_t all;
    (void)context;
    sigfillset(&all);
    return sigprocmask(SIG_BLOCK, &all, NULL);
}

int do_supervise(struct context *context, const struct supervise *operation) {
    context->watch.init = operation->init != 0;
    context->watch.timeout = operation->timeout;
    context->watch.parent_death = operation->parent_death != 0;
    return 0;
}

void teardown(struct context *context) {
    if (context->init_pidfd >= 0) {
        sys_pidfd_send_signal(context->init_pidfd, SIGKILL);
        while (waitid((idtype_t)3 /* P_PIDFD */, (id_t)context->init_pidfd, &(siginfo_t){0}, WEXITED) < 0 && errno == EINTR)
            ;
    }
    run_stage(context, STAGE_TEARDOWN);
}

static int exit_code(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int monitor_run(struct context *context) {
    int status = 0;
    struct message message;
    int fd = -1;
    while (channel_receive(context->channel, &message, &fd) == 1) {
        if (message.type == MESSAGE_FAILED) {
            context->report = message.report;
            return -1;
        }
        if (message.type == MESSAGE_EXITED)
            status = (int)message.value;
    }
    int waited;
    while (waitpid(context->init_pid, &waited, 0) < 0 && errno == EINTR)
        ;
    close(context->init_pidfd);
    context->init_pidfd = -1;
    return exit_code(context->watch.init ? status : waited);
}
