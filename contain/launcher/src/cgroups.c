/* Folders of cgroups: walking, killing, removing. No malloc: a guardian may be who does it. */
#include "cgroups.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "kernel_calls.h"
#include "paths.h"

#define PATIENCE 10000 /* ms */
#define SYSTEMD_PATIENCE 2000

struct linux_dirent {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static void pause_ms(unsigned milliseconds) {
    struct timespec t = {.tv_nsec = (long)milliseconds * 1000000};
    nanosleep(&t, NULL);
}

void cgroup_path(const struct context *context, const char *mount, const char *path, char *buffer, size_t size) {
    char filled[CGROUP_PATH_SIZE];
    fill_holes(context, path, NULL, filled, sizeof filled);
    join_words(buffer, size, (const char *const[]){mount, "/", filled, NULL});
}

#define MARK "user.contain"

void cgroup_mark(const char *path) {
    (void)!setxattr(path, MARK, "1", 1, 0);
}

bool cgroup_is_marked(const char *path) {
    char value;
    return getxattr(path, MARK, &value, 1) == 1 && value == '1';
}

int cgroup_open(int parent, const char *path) {
    return openat(parent, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

void cgroup_children(int folder, void (*each)(int folder, const char *name, void *data), void *data) {
    _Alignas(struct linux_dirent) char buffer[4096];
    long got;
    int list = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (list < 0)
        return;
    while ((got = syscall(SYS_getdents64, list, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < got;) {
            const struct linux_dirent *entry = (const struct linux_dirent *)(const void *)(buffer + at);
            at += entry->length;
            if (entry->type == DT_DIR && strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
                each(folder, entry->name, data);
        }
    }
    close(list);
}

/* Kills what cgroup.procs lists: how many that were. Pids of other pid namespaces read as 0. */
static size_t signal_direct(int folder) {
    char buffer[8192];
    size_t count = 0;
    long pid = 0;
    ssize_t got;
    int fd = openat(folder, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (buffer[i] >= '0' && buffer[i] <= '9') {
                pid = pid * 10 + (buffer[i] - '0');
                continue;
            }
            if (pid > 1 && pid != getpid()) {
                kill((pid_t)pid, SIGKILL);
                count++;
            }
            pid = 0;
        }
    }
    close(fd);
    return count;
}

static void signal_below(int folder, const char *name, void *data) {
    size_t *count = data;
    int child = cgroup_open(folder, name);
    if (child < 0)
        return;
    *count += signal_direct(child);
    cgroup_children(child, signal_below, data);
    close(child);
}

static size_t signal_tree(int folder) {
    size_t count = signal_direct(folder);
    cgroup_children(folder, signal_below, &count);
    return count;
}

static int64_t number_of(const char *at, const char *key) {
    size_t length = key ? strlen(key) : 0;
    while (key && !(strncmp(at, key, length) == 0 && (at[length] == ' ' || at[length] == '\t'))) {
        at = strchr(at, '\n');
        if (at == NULL)
            return -1;
        at++;
    }
    at += key ? length + 1 : 0;
    if (*at < '0' || *at > '9')
        return -1;
    int64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (*at - '0');
    return value;
}

int64_t cgroup_number(int folder, const char *file, const char *key) {
    char text[4096];
    return read_file_at(folder, file, text, sizeof text) < 0 ? -1 : number_of(text, key);
}

int64_t cgroup_number_in(int fd, const char *key) {
    char text[4096];
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = 0;
    return number_of(text, key);
}

int64_t cgroup_cpu_time(int folder, bool v2) {
    int64_t time = cgroup_number(folder, v2 ? "cpu.stat" : "cpuacct.usage", v2 ? "usage_usec" : NULL);
    return v2 && time > 0 ? time * 1000 : time;
}

int64_t cgroup_oom_kills(int folder, bool v2) {
    return cgroup_number(folder, v2 ? "memory.events" : "memory.oom_control", "oom_kill");
}

bool cgroup_populated(int folder, bool v2) {
    char text[64];
    if (v2)
        return cgroup_number(folder, "cgroup.events", "populated") > 0;
    return read_file_at(folder, "cgroup.procs", text, sizeof text) > 0;
}

bool cgroup_frozen(int folder, bool v2) {
    char text[32];
    if (v2)
        return cgroup_number(folder, "cgroup.events", "frozen") > 0 || cgroup_number(folder, "cgroup.freeze", NULL) > 0;
    return read_file_at(folder, "freezer.state", text, sizeof text) > 0 && strncmp(text, "FR", 2) == 0;
}

/* All levels of a tree: the payload may have frozen cgroups of its own. */
static void freeze_below(int folder, const char *name, void *data) {
    int child = cgroup_open(folder, name);
    if (child < 0)
        return;
    (void)write_file_at(child, "freezer.state", data);
    cgroup_children(child, freeze_below, data);
    close(child);
}

static void freeze_v1(int folder, char *state) {
    if (write_file_at(folder, "freezer.state", state) == 0)
        cgroup_children(folder, freeze_below, state);
}

/* One round. `hold`: freeze while the signals are sent. A frozen process of v1 dies only when it is thawed. How many got a signal. */
static size_t kill_once(int folder, bool v2, bool hold) {
    static char frozen[] = "FROZEN";
    static char thawed[] = "THAWED";
    if (hold && v2)
        (void)write_file_at(folder, "cgroup.freeze", "1");
    else if (hold)
        freeze_v1(folder, frozen);
    size_t count = signal_tree(folder);
    if (hold && v2)
        (void)write_file_at(folder, "cgroup.freeze", "0");
    else if (!v2)
        freeze_v1(folder, thawed);
    return count;
}

static bool is_v2(int folder) {
    return faccessat(folder, "cgroup.events", F_OK, 0) == 0;
}

void cgroup_end(int folder, const char *method) {
    bool v2 = is_v2(folder);
    if (strcmp(method, "pids") == 0)
        (void)write_file_at(folder, "pids.max", "0"); /* nobody can fork away from the loop */
    for (unsigned waited = 0; waited < PATIENCE; waited++) {
        bool killed = v2 && strcmp(method, "kill") == 0 && write_file_at(folder, "cgroup.kill", "1") == 0;
        size_t left = killed ? 1 : kill_once(folder, v2, strcmp(method, "freezer") == 0);
        if (v2 ? !cgroup_populated(folder, true) : left == 0)
            return;
        pause_ms(1);
    }
}

static void remove_below(int folder, const char *name, void *data) {
    (void)data;
    cgroup_remove(folder, name);
}

int cgroup_remove(int parent, const char *name) {
    for (unsigned waited = 0; waited < PATIENCE; waited++) {
        if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY && errno != EINTR)
            return errno;
        int folder = cgroup_open(parent, name);
        if (folder < 0)
            return errno == ENOENT ? 0 : errno;
        if (write_file_at(folder, "cgroup.kill", "1") != 0) {
            (void)write_file_at(folder, "pids.max", "0");
            kill_once(folder, is_v2(folder), is_v2(folder));
        }
        cgroup_children(folder, remove_below, NULL);
        close(folder);
        pause_ms(1);
    }
    return EBUSY;
}

int cgroup_leave(const char *path) {
    int folder = cgroup_open(AT_FDCWD, path);
    if (folder < 0)
        return errno == ENOENT ? 0 : errno;
    cgroup_end(folder, "kill");
    close(folder);
    for (unsigned waited = 0; waited < SYSTEMD_PATIENCE; waited += 5) {
        if (access(path, F_OK) < 0)
            return 0;
        pause_ms(5);
    }
    return cgroup_remove(AT_FDCWD, path);
}
