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

/* Those that are dead already are waited for; whether somebody is left, who is our child, then or by a parent of his. */
static bool reap_dead(void) {
    int ignored;
    pid_t pid;
    do
        pid = waitpid(-1, &ignored, WNOHANG);
    while (pid > 0 || (pid < 0 && errno == EINTR));
    return pid == 0;
}

/* All others are killed and waited for before we go: the accounting of processor time rests on it. Mostly there are none, and kill(-1) looks at
 * every process of the machine, which takes 0.8 ms beside a thousand containers. */
static noreturn void finish_all(struct context *context, int status) {
    struct message message = {.type = MESSAGE_EXITED, .value = status};
    int ignored;
    if (reap_dead() && getpid() == 1)
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
    ssize_t got = recv(context->channel, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        _exit(EXIT_OURS); /* it died before; ECONNRESET: with a word of ours unread */
}

#define STACK_SIZE (256 << 10)
#define PAGE_SIZE 4096
#define CALL_SIZE 512 /* of the call of madvise itself */

void release_stack(void) {
    char here;
    uintptr_t page = ((uintptr_t)&here - CALL_SIZE) & ~(uintptr_t)(PAGE_SIZE - 1);
    madvise((void *)(page - STACK_SIZE), STACK_SIZE, MADV_DONTNEED); /* ENOMEM: not all of it was ever there */
}

/* Our tables are sparse: where the kernel gives huge pages to all who do not refuse, some pages of ours would be 4 MiB, charged to the container. */
void refuse_huge_pages(void) {
    extern char __bss_start[], _end[]; /* NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
    uintptr_t first = ((uintptr_t)__bss_start + PAGE_SIZE - 1) & ~(uintptr_t)(PAGE_SIZE - 1);
    madvise((void *)first, (uintptr_t)_end - first, MADV_NOHUGEPAGE); /* EINVAL: there are none */
}

/* The whole pages between are given back, and read as zeros; what is before and behind them is filled with zeros if `all`. */
static void release_between(char *from, char *to, bool all) {
    char *first = from + (-(uintptr_t)from & (PAGE_SIZE - 1));
    char *last = to - ((uintptr_t)to & (PAGE_SIZE - 1));
    if (first >= last || madvise(first, (size_t)(last - first), MADV_DONTNEED) < 0)
        first = last = to;
    if (all) {
        memset(from, 0, (size_t)(first - from));
        memset(last, 0, (size_t)(to - last));
    }
}

/* The end of strings that stand one behind the other, as the kernel lays them out; NULL when one does not. */
static char *end_of(char **strings, char *at) {
    for (; at && strings && *strings; strings++)
        at = *strings == at ? at + strlen(at) + 1 : NULL;
    return at;
}

void release_environment(void) {
    char *to = environ && *environ ? end_of(environ, *environ) : NULL;
    if (to)
        release_between(*environ, to, false);
}

static void wipe(char **strings) {
    for (char **at = strings; at && *at; at++)
        memset(*at, 0, strlen(*at));
}

/* What the caller had in its words and environment is nobody's business in here; `ps` shows our own name. Pages that are given back before they
 * are written to are not copied. */
void forget_caller(char **words) {
    static const char name[] = "contain-init";
    bool fits = strlen(words[0]) >= sizeof name;
    char *to = end_of(environ, end_of(words, words[0]));
    if (to) {
        release_between(words[0], to, true);
    } else {
        wipe(environ);
        wipe(words);
    }
    if (fits)
        memcpy(words[0], name, sizeof name);
}

noreturn void reaper_main(struct context *context, pid_t program) {
    struct message message = {.type = MESSAGE_STARTED};
    sigset_t all;
    prctl(PR_SET_DUMPABLE, 0);
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
