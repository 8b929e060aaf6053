#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../actors.h"
#include "../folder.h"
#include "../kernel_calls.h"
#include "../paths.h"

#define FIFO "fifo"
#define KILL_PATIENCE 10000 /* milliseconds that delete waits for init to be gone */

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

int do_hold_descriptors(struct context *context, const struct hold_descriptors *operation) {
    int fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(context, errno, NULL);
    slot_set(context, operation->slot, fd);
    return 0;
}

int do_wait_at_gate(struct context *context, const struct wait_at_gate *operation) {
    char name[16];
    int fd;
    format_number(name, sizeof name, slot(context, operation->fifo));
    do
        fd = openat(slot(context, operation->descriptors), name, O_WRONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
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

/* Why `verb` is not allowed now, in the words that engines look for; NULL when it is. */
static const char *refusal(const struct adopt_container *operation, enum status status) {
    if (strcmp(operation->verb, "start") == 0) {
        if (status == STATUS_CREATED)
            return NULL;
        if (status == STATUS_STOPPED)
            return "cannot start a container that has stopped";
        return status == STATUS_RUNNING ? "cannot start an already running container" : "cannot start a container in this state";
    }
    if (strcmp(operation->verb, "delete") == 0) {
        if (status == STATUS_STOPPED || status == STATUS_CREATED || operation->force)
            return NULL;
        return "that is not stopped";
    }
    if (status == STATUS_STOPPED)
        return "cannot exec in a stopped container";
    if (status == STATUS_PAUSED && !operation->force)
        return "cannot exec in a paused container (use --ignore-paused to override)";
    return NULL;
}

/* A frozen process cannot die on cgroup v1 before it is thawed. */
static void thaw(const struct folder *folder) {
    char path[4096];
    const char *end = folder->text + folder->size;
    for (const char *line = folder->text; line < end; line += strlen(line) + 1) {
        bool unified = strncmp(line, "cgroup=- ", 9) == 0;
        if (!unified && strncmp(line, "cgroup=freezer ", 15) != 0)
            continue;
        join_words(path, sizeof path, (const char *const[]){strchr(line, ' ') + 1, unified ? "/cgroup.freeze" : "/freezer.state", NULL});
        write_file_at(AT_FDCWD, path, unified ? "0" : "THAWED");
    }
}

static int kill_init(struct context *context, const struct folder *folder) {
    struct pollfd gone = {.fd = folder->pidfd, .events = POLLIN};
    if (folder->pidfd < 0)
        return 0;
    sys_pidfd_send_signal(folder->pidfd, SIGKILL);
    if (folder->status == STATUS_PAUSED)
        thaw(folder);
    int got = poll(&gone, 1, KILL_PATIENCE);
    return got == 1 ? 0 : fail(context, 0, "its process does not die");
}

int do_adopt_container(struct context *context, const struct adopt_container *operation) {
    static struct folder folder;
    static char detail[DETAIL_SIZE];
    if (!folder_open(&folder, operation->root, operation->id))
        return fail_code(context, 0, 1, "container does not exist");
    int turn = folder_turn(&folder);
    folder_close(&folder);
    if (turn < 0 || !folder_open(&folder, operation->root, operation->id)) /* again: what was read before our turn may be past */
        return fail_code(context, 0, 1, "container does not exist");
    const char *no = refusal(operation, folder.status);
    if (no && strcmp(operation->verb, "delete") == 0) {
        join_words(detail, sizeof detail, (const char *const[]){no, ": ", status_name(folder.status), NULL});
        no = detail;
    }
    if (no)
        return fail_code(context, 0, 1, no);
    slot_set(context, SLOT_STATE, folder.fd);
    if (strcmp(operation->verb, "delete") == 0)
        return kill_init(context, &folder);
    context->init_pid = folder.pid;
    context->init_pidfd = folder.pidfd;
    return 0;
}

/* After the `0`: nothing when execve closed the fifo, else the line that says why there was none. */
static int read_answer(struct context *context, int fifo) {
    static struct gate_report answer;
    size_t used = 0;
    ssize_t got;
    char zero;
    if (read(fifo, &zero, 1) != 1)
        return fail(context, 0, "its process died while it waited");
    struct pollfd wait = {.fd = fifo, .events = POLLIN};
    while (used < sizeof answer && poll(&wait, 1, -1) == 1 && (got = read(fifo, (char *)&answer + used, sizeof answer - used)) > 0)
        used += (size_t)got;
    if (used < sizeof answer)
        return 0;
    answer.detail[sizeof answer.detail - 1] = 0;
    return fail_code(context, 0, 1, answer.detail);
}

int do_open_gate(struct context *context, const struct open_gate *operation) {
    (void)operation;
    int fifo = openat(slot(context, SLOT_STATE), FIFO, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fifo < 0)
        return fail(context, errno, NULL);
    struct pollfd wait[2] = {{.fd = fifo, .events = POLLIN}, {.fd = context->init_pidfd, .events = POLLIN}};
    while (poll(wait, 2, -1) < 0 && errno == EINTR)
        ;
    int result = wait[0].revents & POLLIN ? read_answer(context, fifo) : fail(context, 0, "its process died while it waited");
    close(fifo);
    unlinkat(slot(context, SLOT_STATE), FIFO, 0);
    return result;
}
