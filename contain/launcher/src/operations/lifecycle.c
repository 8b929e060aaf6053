#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../lifecycle.h"
#include "../operation.h"
#include "../paths.h"

#define FIFO "fifo"

int do_make_gate(struct context *context, const struct make_gate *operation) {
    int folder = slot(context, SLOT_STATE);
    /* others may write: a mapped root of the container is a stranger to the folder, which only its owner can enter */
    if (mkfifoat(folder, FIFO, 0622) < 0)
        return fail(context, errno, NULL);
    int fd = openat(folder, FIFO, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail(context, errno, NULL);
    slot_set(context, operation->slot, fd);
    return 0;
}

static const int endings[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

static noreturn void end_waiting(int number) {
    _exit(128 + number);
}

static int heed_endings(int how) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        sigaddset(&set, endings[i]);
    return sigprocmask(how, &set, NULL);
}

/* What ends a program ends the waiting init too, though it be the first of a pid namespace, to whom the kernel does nothing by default. All
 * signals are blocked but while it waits; the handlers are set here, before a filter that may forbid it. */
int do_hold_descriptors(struct context *context, const struct hold_descriptors *operation) {
    int fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(context, errno, NULL);
    slot_set(context, operation->slot, fd);
    const struct sigaction end = {.sa_handler = end_waiting};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (sigaction(endings[i], &end, NULL) < 0)
            return fail(context, errno, NULL);
    return 0;
}

int do_wait_at_gate(struct context *context, const struct wait_at_gate *operation) {
    char name[16];
    int fd;
    format_number(name, sizeof name, slot(context, operation->fifo));
    if (heed_endings(SIG_UNBLOCK) < 0)
        return fail(context, errno, NULL);
    do
        fd = openat(slot(context, operation->descriptors), name, O_WRONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0 || heed_endings(SIG_BLOCK) < 0)
        return fail(context, errno, NULL);
    if (write(fd, "0", 1) != 1)
        return fail(context, errno, NULL);
    context->gate = fd;
    return 0;
}

int do_leave_container(struct context *context, const struct leave_container *operation) {
    context->watch.leave = true;
    context->watch.leave_at_gate = operation->at_gate != 0;
    return 0;
}

int do_adopt_container(struct context *context, const struct adopt_container *operation) {
    static struct folder folder;
    char detail[DETAIL_SIZE];
    int turn = -1; /* held until this process ends */
    const char *no = lifecycle_adopt(&folder, operation->root, operation->id, operation->verb, operation->force != 0, &turn, detail);
    if (!no && strcmp(operation->verb, "delete") == 0)
        no = lifecycle_kill(&folder);
    if (no)
        return fail_code(context, 0, 1, no);
    if (strcmp(operation->verb, "exec") == 0)
        close(turn); /* the pidfd stands for the container from now on; others need not wait for our program's end */
    slot_set(context, SLOT_STATE, folder.fd);
    context->init_pid = folder.pid;
    context->adopted = folder.pidfd;
    return 0;
}

int do_open_gate(struct context *context, const struct open_gate *operation) {
    char detail[DETAIL_SIZE];
    (void)operation;
    const char *no = lifecycle_open_gate(slot(context, SLOT_STATE), context->adopted, detail);
    return no ? fail_code(context, 0, 1, no) : 0;
}

static int open_time_namespace(pid_t pid) {
    char number[16];
    char path[48];
    format_number(number, sizeof number, pid);
    join_words(path, sizeof path, (const char *const[]){"/proc/", number, "/ns/time", NULL});
    return open(path, O_RDONLY | O_CLOEXEC);
}

static pid_t first_child(pid_t parent) {
    char number[16];
    char path[64];
    char list[32];
    format_number(number, sizeof number, parent);
    join_words(path, sizeof path, (const char *const[]){"/proc/", number, "/task/", number, "/children", NULL});
    return read_file_at(AT_FDCWD, path, list, sizeof list) > 0 ? (pid_t)strtol(list, NULL, 10) : -1;
}

/* A pidfd of what the container's init runs; asked twice, so that the pid was its child's when the pidfd was made. */
static int open_program(const struct context *context, pid_t *pid) {
    *pid = first_child(context->init_pid);
    int fd = *pid > 0 ? sys_pidfd_open(*pid) : -1;
    if (fd < 0 || (first_child(context->init_pid) == *pid && sys_pidfd_send_signal(context->adopted, 0) == 0))
        return fd;
    close(fd);
    return -1;
}

/* Older kernels (seen: 6.1) join all but the time namespace by a pidfd: that one by its file, opened while the pid is surely its own. */
static int join_by(int pidfd, pid_t pid, int flags) {
    if (setns(pidfd, flags) == 0)
        return 0;
    if (errno != EINVAL || !(flags & CLONE_NEWTIME))
        return -1;
    int fd = open_time_namespace(pid);
    if (fd < 0 || sys_pidfd_send_signal(pidfd, 0) < 0 || setns(pidfd, flags & ~CLONE_NEWTIME) < 0)
        return -1;
    int result = setns(fd, CLONE_NEWTIME);
    close(fd);
    return result;
}

/* An init of ours lets nobody look into it, so an ordinary user cannot join it: but its program, whose namespaces are the same. */
static int join_all(const struct context *context, int flags) {
    pid_t pid = context->init_pid;
    if (join_by(context->adopted, pid, flags) == 0)
        return 0;
    int error = errno;
    int program = error == EPERM || error == EACCES ? open_program(context, &pid) : -1;
    if (program >= 0) {
        error = join_by(program, pid, flags) == 0 ? 0 : errno;
        close(program);
    }
    errno = error;
    return error ? -1 : 0;
}

int do_join_container(struct context *context, const struct join_container *operation) {
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || join_all(context, (int)operation->flags) < 0)
        return fail(context, errno, NULL);
    slot_set(context, SLOT_ROOT, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)); /* of the mount namespace: the container's */
    return 0;
}
