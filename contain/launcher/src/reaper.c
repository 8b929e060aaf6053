/* Our PID 1: forwards signals to the program, reaps all, and ends with the program's status. It has the program's ids, and its filter when
 * that had to be loaded before (without no_new_privs), so it makes few system calls and only common ones. It dies with the monitor, and
 * everything in the pid namespace with it. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors.h"
#include "kernel_calls.h"

static void forward(const siginfo_t *info, pid_t program) {
    if (info->si_signo != SIGCHLD)
        kill(program, info->si_signo);
}

/* All others are killed and waited for before we go: the accounting of processor time rests on it. */
static noreturn void finish_all(struct context *context, int status) {
    struct message message = {.type = MESSAGE_EXITED, .value = status};
    int ignored;
    if (getpid() == 1)
        kill(-1, SIGKILL);
    while (waitpid(-1, &ignored, 0) > 0 || errno == EINTR)
        ;
    channel_send(context->channel, &message, -1);
    _exit(exit_code(status));
}

/* What the host had open when it made us, and what the program has got from us. */
static void close_all_but(unsigned fd) {
    if (fd > 3)
        sys_close_range(3, fd - 1, 0);
    sys_close_range(fd + 1, ~0U, 0);
}

void bind_to_monitor(const struct context *context) {
    char byte;
    if (context->watch.leave)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* the monitor has one thread, and nobody but us can clear this */
    if (recv(context->channel, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
        _exit(EXIT_OURS); /* it died before */
}

#define STACK_SIZE (256 << 10)
#define PAGE_SIZE 4096
#define CALL_SIZE 512 /* of the call of madvise itself */

void release_stack(void) {
    char here;
    uintptr_t page = ((uintptr_t)&here - CALL_SIZE) & ~(uintptr_t)(PAGE_SIZE - 1);
    madvise((void *)(page - STACK_SIZE), STACK_SIZE, MADV_DONTNEED); /* ENOMEM: not all of it was ever there */
}

/* What the caller had in its words and environment is nobody's business in here; `ps` shows our own name. */
static void forget_caller(char **words) {
    static const char name[] = "contain-init";
    for (char **at = environ; at && *at; at++)
        memset(*at, 0, strlen(*at));
    for (char **at = words; at && *at; at++) {
        size_t length = strlen(*at);
        memset(*at, 0, length);
        if (at == words && length >= sizeof name)
            memcpy(*at, name, sizeof name);
    }
}

noreturn void reaper_main(struct context *context, pid_t program) {
    struct message message = {.type = MESSAGE_STARTED};
    sigset_t all;
    prctl(PR_SET_DUMPABLE, 0);
    forget_caller(context->words);
    bind_to_monitor(context);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    close_all_but((unsigned)context->channel);
    channel_send(context->channel, &message, -1);
    release_stack();
    for (;;) {
        int status;
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == program)
                finish_all(context, status);
        siginfo_t info;
        if (sigwaitinfo(&all, &info) <= 0)
            continue;
        if (info.si_signo == SIGNAL_END && info.si_pid == 0)
            finish_all(context, SIGKILL);
        forward(&info, program);
    }
}
