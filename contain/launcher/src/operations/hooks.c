/* Hooks: programs that are given the container's state. In a process group of their own, which is killed when the time is over. */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../actors.h"
#include "../kernel_calls.h"
#include "../paths.h"

#define STATE_SIZE (1 << 20) /* as TEXT_SIZE of state.c */
#define WORDS_LIMIT 1024
#define ABORTS 5

struct hook {
    pid_t pid;
    int pidfd;
    int output;       /* what it prints, our end */
    int64_t deadline; /* monotonic milliseconds, 0: none */
    char tail[256];   /* the end of what it printed */
    size_t size;
};

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A file in memory: a pipe would block a writer of more than its size, and a hook that never reads. */
static int state_file(struct context *context, const char *status) {
    static char text[STATE_SIZE];
    struct operation_head head;
    struct claim_state claim = {.template = ""};
    int fd = memfd_create("state", MFD_CLOEXEC);
    if (plan_find(context, OPERATION_CLAIM_STATE, &head))
        take_claim_state(&head.fields, &claim);
    fill_holes(context, claim.template, status, text, sizeof text);
    if (fd >= 0 && (write(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void make_vector(char **words, struct texts from) {
    const char *at = from.first;
    uint32_t count = from.count < WORDS_LIMIT ? from.count : WORDS_LIMIT - 1;
    for (uint32_t i = 0; i < count; i++, at = texts_next(at))
        words[i] = (char *)at;
    words[count] = NULL;
}

static noreturn void hook_main(const struct run_hook *operation, int state, int output) {
    static char *args[WORDS_LIMIT];
    static char *env[WORDS_LIMIT];
    sigset_t none;
    setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    dup2(state, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    if (chdir(operation->cwd) < 0 && chdir("/") < 0)
        _exit(126);
    make_vector(args, operation->args);
    make_vector(env, operation->env);
    if (!args[0])
        args[0] = (char *)operation->path;
    execve(operation->path, args, env);
    const char *why = strerror(errno);
    (void)!write(STDERR_FILENO, why, strlen(why));
    _exit(127);
}

static int start(struct context *context, const struct run_hook *operation, struct hook *hook) {
    int ends[2];
    int state = state_file(context, operation->status);
    if (state < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return fail(context, errno, NULL);
    fcntl(ends[0], F_SETFL, O_NONBLOCK); /* our end alone: programs do not expect it of their output */
    struct clone_args args = {.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&hook->pidfd, .exit_signal = SIGCHLD};
    hook->pid = sys_clone3(&args);
    if (hook->pid == 0)
        hook_main(operation, state, ends[1]);
    int error = errno;
    close(state);
    close(ends[1]);
    hook->output = ends[0];
    if (hook->pid < 0)
        return fail(context, error, NULL);
    setpgid(hook->pid, hook->pid);
    hook->deadline = operation->timeout > 0 ? now() + operation->timeout : 0;
    if (context->in_host) {
        context->shared->hook_pid = hook->pid;
        context->shared->hook_pidfd = hook->pidfd;
    }
    return 0;
}

/* Only the end is kept: that is where programs say why. Of one that never stops writing no more than a pipe holds, so that its time can end. */
static void read_output(struct hook *hook) {
    char chunk[256];
    ssize_t got = -1;
    for (int count = 0; count < 256 && (got = read(hook->output, chunk, sizeof chunk)) > 0; count++) {
        size_t room = sizeof hook->tail - 1;
        size_t fresh = (size_t)got < room ? (size_t)got : room;
        size_t keep = hook->size + fresh > room ? room - fresh : hook->size;
        memmove(hook->tail, hook->tail + hook->size - keep, keep);
        memcpy(hook->tail + keep, chunk + got - fresh, fresh);
        hook->size = keep + fresh;
    }
    if (got == 0) {
        close(hook->output);
        hook->output = -1;
    }
}

enum outcome { ENDED, TOO_LATE, ABORTED };

/* Waits for its end alone: children that it leaves behind may hold its output for ever. */
static enum outcome wait_for_end(struct context *context, struct hook *hook) {
    int aborts[ABORTS];
    bool watched = context->in_host && !context->is_guardian && context->current.stage != STAGE_TEARDOWN;
    nfds_t count = watched ? (nfds_t)watch_abort_fds(context, aborts) : 0;
    for (;;) {
        struct pollfd polled[3 + ABORTS] = {{.fd = hook->pidfd, .events = POLLIN},
                                            {.fd = hook->output, .events = POLLIN},
                                            {.fd = watched ? context->monitor.signals : -1, .events = POLLIN}};
        for (nfds_t i = 0; i < count; i++)
            polled[3 + i] = (struct pollfd){.fd = aborts[i], .events = POLLIN};
        int64_t left = hook->deadline ? hook->deadline - now() : -1;
        if (hook->deadline && left <= 0)
            return TOO_LATE;
        if (poll(polled, 3 + count, (int)left) <= 0)
            continue;
        if (polled[1].revents)
            read_output(hook);
        if (polled[0].revents)
            return ENDED;
        for (nfds_t i = 0; i < count; i++)
            if (polled[3 + i].revents)
                return ABORTED;
        if (polled[2].revents && monitor_take_signal(context))
            return ABORTED;
    }
}

static const char *last_line(struct hook *hook) {
    hook->tail[hook->size] = 0;
    while (hook->size > 0 && (hook->tail[hook->size - 1] == '\n' || hook->tail[hook->size - 1] == ' '))
        hook->tail[--hook->size] = 0;
    const char *line = strrchr(hook->tail, '\n');
    return line ? line + 1 : hook->tail;
}

static int fail_status(struct context *context, struct hook *hook, int status) {
    char number[16];
    char detail[DETAIL_SIZE];
    const char *line = last_line(hook);
    bool killed = WIFSIGNALED(status);
    format_number(number, sizeof number, killed ? WTERMSIG(status) : WEXITSTATUS(status));
    const char *const words[] = {killed ? "signal " : "exit status ", number, line[0] ? ": " : "", line, NULL};
    join_words(detail, sizeof detail, words);
    return fail(context, 0, detail);
}

/* What a hook that failed leaves behind in its group. The host is a subreaper and init may be PID 1: then it is ours to wait for. */
static void end_group(pid_t group) {
    kill(-group, SIGKILL);
    while (waitpid(-group, NULL, 0) > 0 || errno == EINTR)
        ;
}

int do_run_hook(struct context *context, const struct run_hook *operation) {
    struct hook hook = {.pidfd = -1, .output = -1};
    int status = 0;
    if (context->current.stage == STAGE_TEARDOWN) {
        if (context->superseded || context->shared->init_pid == 0 || context->current.index <= context->shared->hooks_done)
            return 0;
        context->shared->hooks_done = context->current.index; /* a guardian that goes on runs it no second time */
    }
    if (start(context, operation, &hook) < 0)
        return -1;
    context->monitor.hook = true;
    enum outcome outcome = wait_for_end(context, &hook);
    context->monitor.hook = false;
    if (outcome != ENDED)
        kill(-hook.pid, SIGKILL);
    while (waitpid(hook.pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (outcome != ENDED || status != 0)
        end_group(hook.pid);
    if (context->in_host)
        context->shared->hook_pidfd = -1;
    if (hook.output >= 0)
        read_output(&hook);
    if (hook.output >= 0)
        close(hook.output);
    close(hook.pidfd);
    if (outcome == ABORTED)
        monitor_abort(context);
    if (outcome != ENDED)
        return outcome == ABORTED ? -1 : fail(context, 0, "it took longer than its timeout");
    return status == 0 ? 0 : fail_status(context, &hook, status);
}
