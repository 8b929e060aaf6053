#include "lifecycle.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel_calls.h"
#include "paths.h"

#define FIFO "fifo"
#define KILL_PATIENCE 10000 /* milliseconds that delete waits for init to be gone */
#define TEXT_SIZE 65536

/* Why `verb` is not allowed now, in the words that engines look for; NULL when it is. */
static const char *refusal(const char *verb, bool force, enum status status) {
    if (strcmp(verb, "start") == 0) {
        if (status == STATUS_CREATED)
            return NULL;
        if (status == STATUS_STOPPED)
            return "cannot start a container that has stopped";
        return status == STATUS_RUNNING ? "cannot start an already running container" : "cannot start a container in this state";
    }
    if (strcmp(verb, "delete") == 0)
        return status == STATUS_STOPPED || status == STATUS_CREATED || force ? NULL : "that is not stopped";
    if (status == STATUS_STOPPED)
        return "cannot exec in a stopped container";
    return status == STATUS_PAUSED && !force ? "cannot exec in a paused container (use --ignore-paused to override)" : NULL;
}

const char *lifecycle_adopt(struct folder *folder, const char *root, const char *id, const char *verb, bool force, int *turn,
                            char *detail) {
    if (!folder_open(folder, root, id))
        return "container does not exist";
    *turn = folder_turn(folder);
    folder_close(folder);
    if (*turn < 0 || !folder_open(folder, root, id)) /* again: what was read before our turn may be past */
        return "container does not exist";
    const char *no = refusal(verb, force, folder->status);
    if (no && strcmp(verb, "delete") == 0) {
        join_words(detail, DETAIL_SIZE, (const char *const[]){no, ": ", status_name(folder->status), NULL});
        no = detail;
    }
    return no;
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

const char *lifecycle_kill(struct folder *folder) {
    struct pollfd gone = {.fd = folder->pidfd, .events = POLLIN};
    if (folder->pidfd < 0)
        return NULL;
    sys_pidfd_send_signal(folder->pidfd, SIGKILL);
    if (folder->status == STATUS_PAUSED)
        thaw(folder);
    return poll(&gone, 1, KILL_PATIENCE) == 1 ? NULL : "its process does not die";
}

/* After the `0`: nothing when execve closed the fifo, else the line that says why there was none. */
static const char *read_answer(int fifo, char *detail) {
    static struct gate_report answer;
    size_t used = 0;
    ssize_t got;
    char zero;
    if (read(fifo, &zero, 1) != 1)
        return "its process died while it waited for start";
    struct pollfd wait = {.fd = fifo, .events = POLLIN};
    while (used < sizeof answer && poll(&wait, 1, -1) == 1 && (got = read(fifo, (char *)&answer + used, sizeof answer - used)) > 0)
        used += (size_t)got;
    if (used < sizeof answer)
        return NULL;
    answer.detail[sizeof answer.detail - 1] = 0;
    join_words(detail, DETAIL_SIZE, (const char *const[]){answer.detail, NULL});
    return detail;
}

const char *lifecycle_open_gate(int folder, int init_pidfd, char *detail) {
    int fifo = openat(folder, FIFO, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fifo < 0)
        return "its start fifo is gone";
    struct pollfd wait[2] = {{.fd = fifo, .events = POLLIN}, {.fd = init_pidfd, .events = POLLIN}};
    while (poll(wait, 2, -1) < 0 && errno == EINTR)
        ;
    const char *why = wait[0].revents & POLLIN ? read_answer(fifo, detail) : "its process died while it waited for start";
    close(fifo);
    unlinkat(folder, FIFO, 0);
    return why;
}

/* The template's holes (\x01name\x01) filled with what is true now. */
size_t folder_fill(const struct folder *folder, const char *template, char *out, size_t size) {
    size_t used = 0;
    while (*template && used + 1 < size) {
        if (*template != '\x01') {
            out[used++] = *template++;
            continue;
        }
        char name[16] = "";
        char pid[16];
        const char *end = strchr(template + 1, '\x01');
        if (!end || end - template > (long)sizeof name)
            return 0;
        memcpy(name, template + 1, (size_t)(end - template - 1));
        name[end - template - 1] = 0;
        format_number(pid, sizeof pid, folder->status == STATUS_STOPPED ? 0 : folder->pid);
        const char *value = strcmp(name, "pid") == 0      ? pid
                            : strcmp(name, "status") == 0 ? status_name(folder->status)
                                                          : folder_value(folder, name);
        for (; value && *value && used + 1 < size; value++)
            out[used++] = *value;
        template = end + 1;
    }
    out[used] = 0;
    return used;
}

/* Written beside it, then renamed: visible at once or not at all. */
static int replace_file(int folder, const char *name, const char *text, size_t size) {
    char fresh[64];
    join_words(fresh, sizeof fresh, (const char *const[]){".", name, ".turn", NULL});
    int fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int error = write(fd, text, size) == (ssize_t)size ? 0 : EIO;
    close(fd);
    if (error == 0 && renameat(folder, fresh, folder, name) < 0)
        error = errno;
    return error;
}

int folder_set_status(struct folder *folder, enum status status) {
    static char template[TEXT_SIZE];
    static char out[TEXT_SIZE + 1024];
    size_t used = 0;
    const char *end = folder->text + folder->size;
    folder->status = status;
    for (const char *line = folder->text; line < end; line += strlen(line) + 1) {
        bool is_status = strncmp(line, "status=", 7) == 0;
        join_words(out + used, sizeof out - used,
                   (const char *const[]){is_status ? "status=" : line, is_status ? status_name(status) : "", "\n", NULL});
        used += strlen(out + used);
    }
    int error = replace_file(folder->fd, "summary", out, used);
    ssize_t got = read_file_at(folder->fd, "template", template, sizeof template);
    if (error || got <= 0)
        return error;
    used = folder_fill(folder, template, out, sizeof out);
    return used ? replace_file(folder->fd, "state.json", out, used) : E2BIG;
}
