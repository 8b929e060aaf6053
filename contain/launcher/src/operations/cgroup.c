/* Placement, limits, and the end of cgroups. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../cgroups.h"
#include "../kernel_calls.h"
#include "../paths.h"

int do_open_cgroup(struct context *context, const struct open_cgroup *operation) {
    int fd = cgroup_open(AT_FDCWD, operation->folder);
    if (fd < 0)
        return fail(context, errno, NULL);
    slot_set(context, operation->slot, fd);
    return 0;
}

static int give(int folder, const char *file, const struct delegate_cgroup *operation) {
    return fchownat(folder, file, (uid_t)operation->uid, (gid_t)operation->gid, AT_SYMLINK_NOFOLLOW | (file[0] ? 0 : AT_EMPTY_PATH));
}

int do_delegate_cgroup(struct context *context, const struct delegate_cgroup *operation) {
    char list[2048];
    int folder = slot(context, operation->slot);
    if (give(folder, "", operation) < 0)
        return fail(context, errno, NULL);
    if (read_file_at(AT_FDCWD, "/sys/kernel/cgroup/delegate", list, sizeof list) <= 0)
        strcpy(list, "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n");
    char *rest = NULL;
    for (char *file = strtok_r(list, "\n", &rest); file; file = strtok_r(NULL, "\n", &rest))
        if (!strchr(file, '/') && give(folder, file, operation) < 0 && errno != ENOENT)
            return fail(context, errno, NULL);
    return 0;
}

/* The v2 path of the container's first process, as /proc/PID/cgroup has it; NULL when it is gone. */
static const char *path_of_adopted(const struct context *context, char *text, size_t size) {
    char number[24];
    char name[64];
    format_number(number, sizeof number, context->adopted);
    join_words(name, sizeof name, (const char *const[]){"/proc/self/fdinfo/", number, NULL});
    int64_t pid = cgroup_number(AT_FDCWD, name, "Pid:");
    format_number(number, sizeof number, (long)pid);
    join_words(name, sizeof name, (const char *const[]){"/proc/", number, "/cgroup", NULL});
    if (pid <= 0 || read_file_at(AT_FDCWD, name, text, size) <= 0)
        return NULL;
    char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (line == NULL)
        return NULL;
    line += line == text ? 3 : 4;
    line[strcspn(line, "\n")] = 0;
    return line;
}

/* A payload that manages cgroups itself (a systemd) has moved into one below its own, which then takes no processes (v2's rule of no
 * internal ones): the new one goes where the first one is, as with runc. */
static int place_beside_first(struct context *context, const char *folder, const char *pid) {
    char text[CGROUP_PATH_SIZE];
    char whole[CGROUP_PATH_SIZE];
    const char *path = path_of_adopted(context, text, sizeof text);
    for (const char *at = strchr(folder + 1, '/'); path && at; at = strchr(at + 1, '/')) {
        size_t length = strlen(at);
        if (strncmp(path, at, length) != 0 || path[length] != '/')
            continue;
        join_words(whole, sizeof whole, (const char *const[]){folder, path + length, "/cgroup.procs", NULL});
        return write_file_at(AT_FDCWD, whole, pid);
    }
    return EBUSY;
}

int do_place_in_cgroup(struct context *context, const struct place_in_cgroup *operation) {
    char pid[24];
    format_number(pid, sizeof pid, context->init_pid);
    int error = write_file_at(slot(context, operation->slot), "cgroup.procs", pid);
    if (error == EBUSY && context->adopted >= 0)
        error = place_beside_first(context, operation->folder, pid);
    return error ? fail(context, error, NULL) : 0;
}

int do_open_tasks(struct context *context, const struct open_tasks *operation) {
    int fd = openat(slot(context, operation->slot), "tasks", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail(context, errno, NULL);
    slot_set(context, operation->tasks, fd);
    return 0;
}

int do_join_cgroup(struct context *context, const struct join_cgroup *operation) {
    int fd = slot(context, operation->tasks);
    if (write(fd, "0", 1) != 1)
        return fail(context, errno, NULL);
    slot_set(context, operation->tasks, -1);
    return 0;
}

static int write_lines(int folder, const char *file, const struct texts *lines) {
    const char *line = lines->first;
    for (uint32_t i = 0; i < lines->count; i++, line = texts_next(line)) {
        int error = write_file_at(folder, file, line);
        if (error)
            return error;
    }
    return 0;
}

int do_write_cgroup(struct context *context, const struct write_cgroup *operation) {
    int folder = slot(context, operation->slot);
    int error = write_lines(folder, operation->file, &operation->lines);
    if (error == ENOENT && operation->alternative[0])
        error = write_lines(folder, operation->alternative, &operation->alternative_lines);
    if (error == 0 || (error == ENOENT && operation->optional))
        return 0;
    return fail(context, error, NULL);
}

int do_check_memory_use(struct context *context, const struct check_memory_use *operation) {
    char detail[128];
    char number[24];
    int64_t used = cgroup_number(slot(context, operation->slot), operation->file, NULL);
    if (used <= operation->limit)
        return 0;
    format_number(number, sizeof number, (long)used);
    join_words(detail, sizeof detail, (const char *const[]){number, " bytes are in use already", NULL});
    return fail(context, EBUSY, detail);
}

int do_write_device_rules(struct context *context, const struct write_device_rules *operation) {
    int folder = slot(context, operation->slot);
    int error = write_file_at(folder, operation->allow_all ? "devices.allow" : "devices.deny", "a");
    if (error == 0)
        error = write_lines(folder, operation->allow_all ? "devices.deny" : "devices.allow", &operation->exceptions);
    return error ? fail(context, error, NULL) : 0;
}

/* How many folders this run made on the way to the container's, itself included: nothing is killed or removed that is not ours. */
static int made(const struct context *context, int64_t undo) {
    if (context->superseded)
        return 0; /* it may have been made again, by others */
    return undo > 0 && undo < ARMED_COUNT ? context->shared->armed[undo] : 0;
}

static int open_made(const struct context *context, const char *mount, const char *path, int64_t undo) {
    char whole[CGROUP_PATH_SIZE];
    if (made(context, undo) == 0)
        return -1;
    cgroup_path(context, mount, path, whole, sizeof whole);
    return cgroup_open(AT_FDCWD, whole);
}

/* The cgroup that a run reads its usage from: the one that it made, or took from a pool. */
static int open_counted(const struct context *context, const struct read_cgroup_usage *operation) {
    if (operation->slot)
        return cgroup_open(slot(context, operation->slot), ".");
    return open_made(context, operation->mount, operation->path, operation->undo);
}

/* With our PID 1, which said that it had reaped all, its pid namespace died. Whoever came in from elsewhere is met when the cgroup is removed. */
static bool all_are_dead(const struct context *context) {
    return context->watch.init && !context->watch.shares_pids && context->monitor.exited && context->monitor.dead;
}

int do_kill_cgroup(struct context *context, const struct kill_cgroup *operation) {
    if (all_are_dead(context))
        return 0;
    int folder = open_made(context, operation->mount, operation->path, operation->undo);
    if (folder < 0)
        return 0;
    cgroup_end(folder, operation->method);
    close(folder);
    return 0;
}

/* Of a cgroup that is not there yet (systemd's are made for a process), `late` says so. */
void cgroup_counters_open(struct context *context) {
    struct cursor operations = plan_operations(&context->plan);
    struct operation_head head = {0};
    struct counters *counters = &context->counters;
    counters->late = false;
    while (plan_next(&operations, &head)) {
        struct read_cgroup_usage operation;
        if (head.kind != OPERATION_READ_CGROUP_USAGE || !take_read_cgroup_usage(&head.fields, &operation))
            continue;
        int folder = open_counted(context, &operation);
        if (folder < 0) {
            counters->late = true;
            continue;
        }
        counters->v2 = operation.v2;
        if (operation.cpu)
            counters->cpu = openat(folder, operation.v2 ? "cpu.stat" : "cpuacct.usage", O_RDONLY | O_CLOEXEC);
        if (operation.memory) {
            counters->memory = openat(folder, operation.v2 ? "memory.current" : "memory.usage_in_bytes", O_RDONLY | O_CLOEXEC);
            counters->peak = openat(folder, operation.v2 ? "memory.peak" : "memory.max_usage_in_bytes", O_RDWR | O_CLOEXEC);
        }
        close(folder);
    }
}

static void close_counter(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void cgroup_counters_close(struct context *context) {
    close_counter(&context->counters.cpu);
    close_counter(&context->counters.memory);
    if (!context->counters.v2)
        close_counter(&context->counters.peak);
}

/* The peak starts anew where the kernel can: on v1 for all, on v2 since 6.12 for whoever reads it through the descriptor that it was written to.
 * By init, before the program exists: the host, which does not hold it up, may come too late. */
void cgroup_usage_begin(struct context *context) {
    struct counters *counters = &context->counters;
    struct usage *before = &context->shared->before;
    if (counters->cpu >= 0)
        before->cpu = cgroup_number_in(counters->cpu, counters->v2 ? "usage_usec" : NULL) * (counters->v2 ? 1000 : 1);
    if (counters->memory >= 0)
        before->memory_peak = cgroup_number_in(counters->memory, NULL);
    if (counters->peak >= 0)
        (void)!write(counters->peak, "0", 1);
    cgroup_counters_close(context);
}

/* Less what our set-up held when the program began: of a tiny program nothing may be left, since the kernel charges by 64 pages a processor.
 * Where the peak could not be set back it may be the set-up's own. */
static int64_t memory_peak(const struct context *context, int folder, bool v2) {
    int64_t held = context->shared->before.memory_peak;
    if (held == NEVER_BEGUN)
        return -1;
    int64_t peak = v2 && context->counters.peak >= 0 ? cgroup_number_in(context->counters.peak, NULL)
                                                     : cgroup_number(folder, v2 ? "memory.peak" : "memory.max_usage_in_bytes", NULL);
    return held <= 0 || peak < 0 ? peak : peak > held ? peak - held : 0;
}

int do_read_cgroup_usage(struct context *context, const struct read_cgroup_usage *operation) {
    int folder = open_counted(context, operation);
    if (folder < 0)
        return 0;
    struct usage *usage = &context->shared->usage;
    if (operation->memory) {
        usage->memory_peak = memory_peak(context, folder, operation->v2);
        usage->oom_kills = cgroup_oom_kills(folder, operation->v2) - context->shared->before.oom_kills;
    }
    if (operation->cpu) {
        int64_t time = cgroup_cpu_time(folder, operation->v2);
        usage->cpu = time >= context->shared->before.cpu ? time - context->shared->before.cpu : time;
    }
    close(folder);
    return 0;
}

/* The parents from below: only empty ones can go, and only those that we or another run made. */
static void remove_parents(char *path, size_t mount, int count) {
    for (;; count--) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || (size_t)(slash - path) <= mount)
            return;
        *slash = 0;
        if ((count <= 0 && !cgroup_is_marked(path)) || rmdir(path) < 0)
            return;
    }
}

int do_remove_cgroup(struct context *context, const struct remove_cgroup *operation) {
    char whole[CGROUP_PATH_SIZE];
    int count = made(context, operation->undo);
    if (count == 0)
        return 0;
    cgroup_path(context, operation->mount, operation->path, whole, sizeof whole);
    int error = operation->scope ? cgroup_leave(whole) : cgroup_remove(AT_FDCWD, whole);
    if (error)
        return fail(context, error, NULL);
    disarm(context, operation->undo);
    remove_parents(whole, strlen(operation->mount), count - 1);
    return 0;
}
