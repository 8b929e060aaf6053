#include <linux/magic.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"
#include "../paths.h"

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef AT_EACCESS
#define AT_EACCESS 0x200
#endif
#define NOT_FOUND 127
#define NOT_EXECUTABLE 126
#define IOPRIO_WHO_PROCESS 1

int do_limit_resource(struct context *context, const struct limit_resource *operation) {
    struct rlimit64 {
        uint64_t soft;
        uint64_t hard;
    } limit = {(uint64_t)operation->soft, (uint64_t)operation->hard}; /* -1 is RLIM64_INFINITY */
    pid_t pid = context->in_host ? context->init_pid : 0;
    if (syscall(SYS_prlimit64, pid, (int)operation->number, &limit, NULL) < 0)
        return fail(context, errno, NULL);
    return 0;
}

int do_set_oom_score(struct context *context, const struct set_oom_score *operation) {
    struct statfs fs;
    char value[16];
    char path[48];
    char pid[16];
    int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0)
        return fail(context, errno, NULL);
    format_number(pid, sizeof pid, context->init_pid);
    format_number(value, sizeof value, operation->value);
    join_words(path, sizeof path, (const char *const[]){pid, "/oom_score_adj", NULL});
    int error = fstatfs(proc, &fs) < 0 ? errno : fs.f_type != PROC_SUPER_MAGIC ? EXDEV : 0;
    int fd = error ? -1 : sys_openat2(proc, path, O_WRONLY | O_CLOEXEC, 0, RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
    if (!error && (fd < 0 || write(fd, value, strlen(value)) < 0))
        error = errno;
    if (fd >= 0)
        close(fd);
    close(proc);
    return error ? fail(context, error, NULL) : 0;
}

int do_set_personality(struct context *context, const struct set_personality *operation) {
    return personality((unsigned long)operation->value) < 0 ? fail(context, errno, NULL) : 0;
}

int do_set_scheduler(struct context *context, const struct set_scheduler *operation) {
    struct {
        uint32_t size;
        uint32_t policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes = {
        .size = sizeof attributes,
        .policy = (uint32_t)operation->number,
        .flags = (uint64_t)operation->flags,
        .nice = (int32_t)operation->nice,
        .priority = (uint32_t)operation->priority,
        .runtime = (uint64_t)operation->runtime,
        .deadline = (uint64_t)operation->deadline,
        .period = (uint64_t)operation->period,
    };
    return syscall(SYS_sched_setattr, 0, &attributes, 0) < 0 ? fail(context, errno, NULL) : 0;
}

int do_set_io_priority(struct context *context, const struct set_io_priority *operation) {
    return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int)operation->value) < 0 ? fail(context, errno, NULL) : 0;
}

/* A bit mask from the plan as the kernel takes it: whole longs. */
static size_t mask_of(unsigned long *longs, size_t count, struct blob bytes) {
    memset(longs, 0, count * sizeof *longs);
    size_t size = bytes.size < count * sizeof *longs ? bytes.size : count * sizeof *longs;
    for (size_t i = 0; i < size; i++)
        longs[i / sizeof *longs] |= (unsigned long)bytes.data[i] << 8 * (i % sizeof *longs);
    return size;
}

int do_set_memory_policy(struct context *context, const struct set_memory_policy *operation) {
    unsigned long nodes[16];
    size_t size = mask_of(nodes, 16, operation->nodes);
    /* the kernel takes the number of bits, plus one */
    long result = syscall(SYS_set_mempolicy, (int)operation->number, size ? nodes : NULL, size ? sizeof nodes * 8 + 1 : 0);
    return result < 0 ? fail(context, errno, NULL) : 0;
}

int do_set_affinity(struct context *context, const struct set_affinity *operation) {
    unsigned long processors[128];
    mask_of(processors, 128, operation->processors);
    return syscall(SYS_sched_setaffinity, 0, sizeof processors, processors) < 0 ? fail(context, errno, NULL) : 0;
}

/* Makes a folder with its parents, from the root down; what is there already stays. */
static void make_folders(const char *path) {
    char part[4096];
    size_t size = strlen(path);
    if (size >= sizeof part)
        return;
    memcpy(part, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (part[i] != '/' && part[i] != 0)
            continue;
        char kept = part[i];
        part[i] = 0;
        mkdir(part, 0755);
        part[i] = kept;
    }
}

/* Magic links of procfs are not followed (they lead to descriptors of the host), and the kernel's own words say where we are. */
static int enter(const char *path) {
    char where[4096];
    int fd = sys_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);
    if (fd < 0)
        return errno;
    int error = fchdir(fd) < 0 ? errno : 0;
    close(fd);
    if (!error && (syscall(SYS_getcwd, where, sizeof where) < 0 || where[0] != '/'))
        return EXDEV;
    return error;
}

int do_enter_folder(struct context *context, const struct enter_folder *operation) {
    static bool entered;
    if (entered)
        return 0;
    int error = enter(operation->path);
    if (error == ENOENT && operation->make) {
        make_folders(operation->path);
        error = enter(operation->path);
    }
    if (error == EXDEV || error == ELOOP)
        return fail(context, error, "the folder is outside of the container's root");
    if (error && (!operation->first || (error != EACCES && error != EPERM)))
        return fail(context, error, NULL);
    entered = !error;
    return 0;
}

/* 0, or an errno as a shell would meet it. */
static int executable(const char *path) {
    struct stat found;
    if (stat(path, &found) < 0)
        return errno;
    if (S_ISDIR(found.st_mode))
        return EISDIR;
    if (syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
        return 0;
    if (errno != ENOSYS && errno != EPERM)
        return errno;
    return access(path, X_OK) < 0 ? errno : 0; /* a filter that is older than faccessat2; our ids are all the same */
}

/* Engines match these words (lower case, as Go prints them). */
static const char *words_of(int error) {
    switch (error) {
    case EACCES:
    case EPERM:
        return "permission denied";
    case EISDIR:
        return "is a directory";
    case ENOENT:
        return "no such file or directory";
    case ENOTDIR:
        return "not a directory";
    case ENOEXEC:
        return "exec format error";
    default:
        return strerror(error);
    }
}

static int fail_program(struct context *context, int error, const char *call, const char *path) {
    char detail[DETAIL_SIZE];
    bool missing = error == ENOENT || error == ENOTDIR;
    if (missing)
        join_words(detail, sizeof detail, (const char *const[]){call, path, ": ", words_of(error), NULL});
    else
        join_words(detail, sizeof detail, (const char *const[]){words_of(error), NULL});
    return fail_code(context, error, missing ? NOT_FOUND : NOT_EXECUTABLE, detail);
}

/* Looks `name` up as execvp(3) does, inside the root that we are in; 0 with the path in `found`, or -1 with a report. */
static int look_up(struct context *context, const char *name, const char *path, char *found, size_t size) {
    if (strchr(name, '/')) {
        int error = executable(name);
        join_words(found, size, (const char *const[]){name, NULL});
        return error ? fail_program(context, error, "stat ", name) : 0;
    }
    for (const char *at = path; *name;) {
        size_t length = strcspn(at, ":");
        if (length + strlen(name) + 3 < size) {
            memcpy(found, at, length);
            strcpy(found + length, length ? "/" : "./");
            strcat(found, name);
            if (executable(found) == 0)
                return 0;
        }
        if (at[length] == 0)
            break;
        at += length + 1;
    }
    return fail_code(context, ENOENT, NOT_FOUND, "executable file not found in $PATH");
}

/* What find_program found last; execute is to make no other call than execve, since a filter may be on us that allows no other. */
static char program[4096];

int do_find_program(struct context *context, const struct find_program *operation) {
    return look_up(context, operation->name, operation->path, program, sizeof program);
}

/* A filter that is on us already may be older than close_range (Linux 5.9): then one by one. */
static void close_between(unsigned first, unsigned last) {
    struct rlimit limit = {.rlim_cur = 65536};
    if (sys_close_range(first, last, 0) == 0)
        return;
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t end = limit.rlim_cur < 65536 ? 65536 : limit.rlim_cur < 1 << 20 ? limit.rlim_cur : 1 << 20;
    for (rlim_t fd = first; fd <= last && fd < end; fd++)
        close((int)fd);
}

/* Really closes all but what reports to the host: until execve a descriptor could still be named (/proc/self/fd/N as program or interpreter). */
static void close_all(const struct context *context, int first) {
    bool ordered = context->channel < context->gate;
    const int kept[2] = {ordered ? context->channel : context->gate, ordered ? context->gate : context->channel};
    for (size_t i = 0; i < 2; i++) {
        if (kept[i] > first)
            close_between((unsigned)first, (unsigned)kept[i] - 1);
        if (kept[i] >= first)
            first = kept[i] + 1;
    }
    close_between((unsigned)first, ~0U);
}

static bool is_given(const struct context *context, int fd) {
    return fd < GIVEN_WORDS * 64 && (context->given[fd / 64] >> (fd % 64) & 1);
}

int do_leave_host(struct context *context, const struct leave_host *operation) {
    sigset_t none;
    int first = 3 + (int)operation->preserve;
    for (int fd = 3; fd < first; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0 && is_given(context, fd))
            fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
        else if (flags >= 0 && fd != context->channel && fd != context->gate)
            close(fd); /* one of ours, in a place that the caller left free */
    }
    close_all(context, first);
    umask((mode_t)operation->umask);
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? fail(context, errno, NULL) : 0;
}

/* The strings of `from` as a vector that ends with NULL; `space` must hold count + 1. */
static void vector(char **space, struct texts from) {
    const char *at = from.first;
    for (uint32_t i = 0; i < from.count; i++, at = texts_next(at))
        space[i] = (char *)at;
    space[from.count] = NULL;
}

int do_execute(struct context *context, const struct execute *operation) {
    static char *args[65536];
    static char *env[65536];
    if (operation->args.count >= 65536 || operation->env.count >= 65536)
        return fail_code(context, E2BIG, NOT_EXECUTABLE, NULL);
    vector(args, operation->args);
    vector(env, operation->env);
    execve(program, args, env);
    return fail_program(context, errno, "exec ", program);
}
