#include "folder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel_calls.h"
#include "operation.h"
#include "paths.h"

const char *status_name(enum status status) {
    static const char *const names[] = {"creating", "created", "running", "paused", "stopped"};
    return names[status];
}

static bool is_id(const char *id) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-";
    size_t size = strlen(id);
    bool ours = strncmp(id, ".new-", 5) == 0 || strncmp(id, ".dead-", 6) == 0 || strncmp(id, ".note-", 6) == 0;
    return size > 0 && size <= 255 && strspn(id, allowed) == size && strcmp(id, ".") != 0 && strcmp(id, "..") != 0 && !ours;
}

const char *folder_value(const struct folder *folder, const char *name) {
    size_t length = strlen(name);
    const char *end = folder->text + folder->size;
    for (const char *line = folder->text; line < end; line += strlen(line) + 1)
        if (strncmp(line, name, length) == 0 && line[length] == '=')
            return line + length + 1;
    return NULL;
}

static bool read_summary(struct folder *folder) {
    ssize_t size = read_file_at(folder->fd, "summary", folder->text, sizeof folder->text);
    if (size <= 0 || size >= SUMMARY_SIZE - 1)
        return false;
    folder->size = (size_t)size;
    for (size_t i = 0; i < folder->size; i++)
        if (folder->text[i] == '\n')
            folder->text[i] = 0;
    const char *format = folder_value(folder, "format");
    const char *pid = folder_value(folder, "pid");
    const char *start = folder_value(folder, "start");
    if (!format || strcmp(format, "1") != 0 || !pid)
        return false;
    folder->pid = (pid_t)strtol(pid, NULL, 10);
    folder->start = start ? strtoull(start, NULL, 10) : 0;
    return true;
}

/* Field 22 of /proc/PID/stat; the name in field 2 may hold anything, so it is skipped from the right. */
static uint64_t start_time(pid_t pid, char *state) {
    char number[16];
    char path[48];
    char text[1024];
    format_number(number, sizeof number, pid);
    join_words(path, sizeof path, (const char *const[]){"/proc/", number, "/stat", NULL});
    if (read_file_at(AT_FDCWD, path, text, sizeof text) <= 0)
        return 0;
    char *at = strrchr(text, ')');
    if (!at || at[1] != ' ')
        return 0;
    *state = at[2];
    for (int field = 2; field < 22 && at; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at + 1, NULL, 10) : 0;
}

static bool has_file(const struct folder *folder, const char *name) {
    struct stat st;
    return fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Frozen: by the v1 freezer, or by cgroup.events of the unified hierarchy. */
static bool is_frozen(const struct folder *folder) {
    char path[4096];
    char text[256];
    const char *end = folder->text + folder->size;
    for (const char *line = folder->text; line < end; line += strlen(line) + 1) {
        const char *file = NULL;
        const char *where = NULL;
        if (strncmp(line, "cgroup=freezer ", 15) == 0) {
            where = line + 15;
            file = "/freezer.state";
        } else if (strncmp(line, "cgroup=- ", 9) == 0) {
            where = line + 9;
            file = "/cgroup.events";
        }
        if (!where)
            continue;
        join_words(path, sizeof path, (const char *const[]){where, file, NULL});
        if (read_file_at(AT_FDCWD, path, text, sizeof text) > 0 && (strncmp(text, "FR", 2) == 0 || strstr(text, "frozen 1")))
            return true;
    }
    return false;
}

static void find_status(struct folder *folder) {
    char state = 0;
    const char *last = folder_value(folder, "status");
    folder->pidfd = folder->pid > 0 ? sys_pidfd_open(folder->pid) : -1;
    bool alive = folder->pidfd >= 0 && start_time(folder->pid, &state) == folder->start && state != 'Z' && state != 'X';
    if (!alive && folder->pidfd >= 0) {
        close(folder->pidfd);
        folder->pidfd = -1;
    }
    if (!alive)
        folder->status = last && strcmp(last, "creating") == 0 && folder->pid == 0 ? STATUS_CREATING : STATUS_STOPPED;
    else if (is_frozen(folder))
        folder->status = STATUS_PAUSED;
    else if (last && strcmp(last, "creating") == 0)
        folder->status = STATUS_CREATING;
    else
        folder->status = has_file(folder, "fifo") ? STATUS_CREATED : STATUS_RUNNING;
}

bool folder_open(struct folder *folder, const char *root, const char *id) {
    folder->pidfd = -1;
    folder->fd = -1;
    if (!is_id(id))
        return false;
    struct stat st;
    int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return false;
    /* what stands in it is undone, killed and joined with our rights: it has to be ours */
    bool ours = fstat(top, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 022) == 0;
    folder->fd = ours ? openat(top, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    close(top);
    if (folder->fd < 0 || !read_summary(folder))
        return false;
    find_status(folder);
    return true;
}

void folder_close(struct folder *folder) {
    if (folder->pidfd >= 0)
        close(folder->pidfd);
    if (folder->fd >= 0)
        close(folder->fd);
}

int folder_turn(const struct folder *folder) {
    int fd = openat(folder->fd, "turn", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && flock(fd, LOCK_EX) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}
