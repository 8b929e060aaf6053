/* The systemd cgroup driver: a helper in Python speaks D-Bus, one line for a request, one for its answer. */
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"
#include "../paths.h"

#define PATIENCE 60000 /* ms */
#define WORDS 16

extern char **environ;

static int start_helper(const struct texts *program, int end, pid_t *pid) {
    char *argv[WORDS + 1] = {0};
    const char *word = program->first;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    if (program->count == 0 || program->count > WORDS)
        return E2BIG;
    for (uint32_t i = 0; i < program->count; i++, word = texts_next(word))
        argv[i] = (char *)word;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, end, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int error = posix_spawn(pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static int send_line(int peer, const char *const *parts) {
    for (; *parts; parts++)
        if (send(peer, *parts, strlen(*parts), MSG_NOSIGNAL) != (ssize_t)strlen(*parts))
            return -1;
    return 0;
}

/* One request and its answer; a helper that goes away without a word has said why on stderr. */
static int ask_helper(struct context *context, int peer, const char *const *request) {
    char answer[DETAIL_SIZE];
    size_t used = 0;
    if (send_line(peer, request) < 0)
        return fail(context, 0, "the helper that speaks to systemd has ended");
    struct pollfd wait = {.fd = peer, .events = POLLIN};
    while (used + 1 < sizeof answer && !memchr(answer, '\n', used)) {
        int ready = poll(&wait, 1, PATIENCE);
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t got = ready > 0 ? recv(peer, answer + used, sizeof answer - 1 - used, 0) : 0;
        if (got <= 0)
            return fail(context, 0, ready > 0 ? "the helper that speaks to systemd has ended" : "systemd does not answer");
        used += (size_t)got;
    }
    answer[used] = 0;
    answer[strcspn(answer, "\n")] = 0;
    return strcmp(answer, "ok") == 0 ? 0 : fail(context, 0, answer);
}

/* It holds nothing but a connection. */
static void end_helper(int pidfd) {
    siginfo_t info;
    if (pidfd < 0)
        return;
    sys_pidfd_send_signal(pidfd, SIGKILL);
    while (waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
        ;
}

int do_start_scope(struct context *context, const struct start_scope *operation) {
    int ends[2];
    pid_t helper;
    char pid[24];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return fail(context, errno, NULL);
    int error = start_helper(&operation->program, ends[1], &helper);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return fail(context, error, NULL);
    }
    slot_set(context, operation->slot, ends[0]);
    slot_set(context, operation->process, sys_pidfd_open(helper));
    error = note_undo(context, "scope", operation->folder);
    if (error)
        return fail(context, error, "cannot note it in the state folder");
    arm(context, operation->undo);
    format_number(pid, sizeof pid, context->init_pid);
    return ask_helper(context, ends[0], (const char *const[]){"start ", pid, " ", operation->request, "\n", NULL});
}

int do_limit_scope(struct context *context, const struct limit_scope *operation) {
    int result = ask_helper(context, slot(context, operation->slot), (const char *const[]){"limit ", operation->request, "\n", NULL});
    end_helper(slot(context, operation->process)); /* not left to whoever reaps the container's process */
    slot_set(context, operation->slot, -1);
    slot_set(context, operation->process, -1);
    return result;
}
