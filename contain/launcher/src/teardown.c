/* The end: kill what is left of the container, undo what was armed, say what is to be said. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors.h"
#include "capture.h"
#include "kernel_calls.h"
#include "members.h"
#include "paths.h"
#include "relay.h"

int exit_code(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Whether init was dead in time. */
static bool kill_init(struct context *context, int patience) {
    struct pollfd init = {.fd = context->shared->init_pidfd, .events = POLLIN};
    if (init.fd < 0)
        return true;
    sys_pidfd_send_signal(init.fd, SIGKILL);
    int got;
    do
        got = poll(&init, 1, patience);
    while (got < 0 && errno == EINTR);
    return got > 0;
}

/* Pids in the kernel's list of our children. */
static int next_child(const char **at) {
    int pid = 0;
    while (**at == ' ')
        ++*at;
    for (; **at >= '0' && **at <= '9'; ++*at)
        pid = pid * 10 + (**at - '0');
    return pid;
}

static bool mount_namespace(pid_t pid, char *name, size_t size) {
    char path[64];
    char number[16];
    format_number(number, sizeof number, pid);
    join_words(path, sizeof path, (const char *const[]){"/proc/", number, "/ns/mnt", NULL});
    ssize_t length = readlink(path, name, size - 1);
    name[length > 0 ? length : 0] = 0;
    return length > 0;
}

/* A child that we had before we became the launcher, or one of its own, is none of the container's: it sees our mounts. */
static bool is_container_s(pid_t pid) {
    char own[64];
    char its[64];
    return mount_namespace(getpid(), own, sizeof own) && mount_namespace(pid, its, sizeof its) && strcmp(own, its) != 0;
}

/* Without a pid namespace what init leaves behind becomes ours (we are a subreaper): none of these pids can be taken again before we wait. */
static void kill_orphans(struct context *context) {
    char list[8192];
    char path[64];
    char number[16];
    format_number(number, sizeof number, getpid());
    join_words(path, sizeof path, (const char *const[]){"/proc/self/task/", number, "/children", NULL});
    for (bool some = true; some;) {
        some = false;
        if (read_file_at(AT_FDCWD, path, list, sizeof list) < 0)
            return;
        const char *at = list;
        for (int pid; (pid = next_child(&at)) > 0;) {
            if (pid == context->guardian_pid || !is_container_s(pid))
                continue;
            some = true;
            kill(pid, SIGKILL);
        }
        if (some)
            monitor_reap(context, true);
    }
}

/* The monitor's child; the guardian has none. */
static void reap_init(struct context *context) {
    while (!context->is_guardian && context->shared->init_pid > 0 && !context->monitor.dead && monitor_reap(context, true))
        ;
}

void teardown(struct context *context) {
    bool dead = kill_init(context, ENDING_PATIENCE);
    if (dead)
        reap_init(context);
    if (!context->is_guardian)
        relay_finish(context, ENDING_PATIENCE);
    relay_restore(context->shared);
    if (!context->is_guardian && context->watch.shares_pids)
        kill_orphans(context);
    bool alone = !context->is_guardian || members_kill(context->shared->members, ENDING_PATIENCE);
    take_last_turn(context);
    run_stage(context, STAGE_TEARDOWN);
    if (!dead && kill_init(context, -1))
        reap_init(context);
    if (!alone)
        members_kill(context->shared->members, -1);
}

static void say(const char *const *words) {
    char line[512];
    join_words(line, sizeof line, words);
    (void)!write(STDERR_FILENO, line, strlen(line));
}

/* A limit that fired is no failure of ours, but nobody should have to guess. */
static void say_reason(const struct context *context) {
    static const char *const words[] = {
        [REASON_TIMEOUT] = "the time limit was reached",
        [REASON_OOM] = "out of memory",
        [REASON_CPU_TIME] = "the limit of processor time was reached",
        [REASON_SECCOMP] = "a system call that the seccomp filter refuses",
    };
    unsigned reason = (unsigned)context->shared->exit_reason;
    if (context->report_fd < 0 && reason < sizeof words / sizeof words[0] && words[reason])
        say((const char *const[]){"contain: killed: ", words[reason], "\n", NULL});
}

/* Out of memory only by the kernel's counter, and only when the program itself was killed. */
static void find_reason(struct context *context, int code) {
    const struct monitor *monitor = &context->monitor;
    struct shared *shared = context->shared;
    shared->exit_code = code;
    shared->exit_reason = monitor->reason;
    if (monitor->failed || monitor->reason != REASON_EXITED || !WIFSIGNALED(monitor->status))
        return;
    shared->exit_signal = WTERMSIG(monitor->status);
    shared->exit_reason = REASON_SIGNALED;
}

void settle_reason(struct context *context) {
    struct shared *shared = context->shared;
    if (shared->exit_reason == REASON_SIGNALED && shared->exit_signal == SIGKILL && shared->usage.oom_kills > 0)
        shared->exit_reason = REASON_OOM;
}

int finish(struct context *context, int code) {
    if (code < 0) {
        context->monitor.failed = true;
        code = context->report.code > 0 && context->report.code < 256 ? context->report.code : EXIT_OURS; /* init may have said it */
        if (context->monitor.reason == REASON_EXITED)
            context->monitor.reason = REASON_ERROR;
        if (context->watch.failure_code && context->monitor.reason == REASON_ERROR)
            code = context->watch.failure_code;
    }
    find_reason(context, code);
    struct report why = context->report;
    teardown(context);
    settle_reason(context);
    relay_finish(context, -1);
    capture_finish(context);
    guardian_dismiss(context);
    context->report = why;
    if (context->trace)
        trace_print(context);
    record_send(context, RECORD_RESULT, -1);
    if (context->monitor.failed)
        return explain(context);
    say_reason(context);
    if (context->report_fd < 0)
        explain_denied(context);
    return code;
}
