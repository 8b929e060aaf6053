#include "cgroups.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernel_calls.h"
#include "paths.h"

#define DEPTH_LIMIT 32
#define ROUNDS 400 /* of 1 to 20 ms: a process that dies slowly (a core, a network file system) has some seconds */

static int open_folder(int parent, const char *name) {
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Every process that cgroup.procs names gets SIGKILL. How many there were. */
static int kill_members(int folder) {
    char text[65536];
    int count = 0;
    ssize_t size = read_file_at(folder, "cgroup.procs", text, sizeof text);
    for (char *at = text, *end; size > 0 && *at; at = *end ? end + 1 : end) {
        long pid = strtol(at, &end, 10);
        if (end == at)
            break;
        if (pid > 0 && pid != getpid()) { /* 0: of a pid namespace that we cannot name */
            kill((pid_t)pid, SIGKILL);
            count++;
        }
    }
    return count;
}

/* Calls `act` for the cgroup and, children first, for every one below it. */
static int walk(int folder, int depth, int (*act)(int parent, const char *name, int folder)) {
    int total = 0;
    int copy = depth < DEPTH_LIMIT ? open_folder(folder, ".") : -1;
    DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
    if (!entries && copy >= 0)
        close(copy);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        int child = open_folder(folder, entry->d_name);
        if (child < 0)
            continue;
        total += walk(child, depth + 1, act);
        total += act(folder, entry->d_name, child);
        close(child);
    }
    if (entries)
        closedir(entries);
    return total;
}

static int kill_one(int parent, const char *name, int folder) {
    (void)parent;
    (void)name;
    write_file_at(folder, "pids.max", "0"); /* a forker cannot outrun the loop then */
    int count = kill_members(folder);
    write_file_at(folder, "freezer.state", "THAWED"); /* a frozen process of v1 dies only once it is thawed */
    return count;
}

static int remove_one(int parent, const char *name, int folder) {
    (void)folder;
    return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT;
}

int cgroup_kill(int folder) {
    if (write_file_at(folder, "cgroup.kill", "1") == 0)
        return 0;
    return kill_one(-1, "", folder) + walk(folder, 0, kill_one);
}

static void wait_a_little(int round) {
    struct timespec pause = {.tv_nsec = (round < 20 ? 1 : 20) * 1000000L};
    nanosleep(&pause, NULL);
}

int cgroup_destroy(const char *path) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return errno == ENOENT ? 0 : errno;
    int error = 0;
    for (int round = 0; round < ROUNDS; round++) {
        walk(folder, 0, remove_one);
        if (rmdir(path) == 0 || errno == ENOENT) {
            error = 0;
            break;
        }
        error = errno;
        if (error != EBUSY && error != ENOTEMPTY)
            break;
        cgroup_kill(folder);
        wait_a_little(round);
    }
    close(folder);
    return error;
}
