/* Cgroups that one run after another uses, and the process that they belong to. Making and removing them costs a fifth of a start. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../actors.h"
#include "../cgroups.h"
#include "../kernel_calls.h"
#include "../paths.h"

#define PLACES 4096
#define TRIES 16
#define LEFT_OVER (512 * 1024) /* bytes: more would leave less room below a limit */
#define SHARE 8 /* of a limit that is small */
#define AHEAD (256 * 1024) /* bytes that the kernel charges ahead, for each processor: they are used again */

enum state { FREE, TAKEN, WORN, GONE };

static int open_pool(struct context *context, const struct take_cgroup *operation) {
    char path[CGROUP_PATH_SIZE];
    cgroup_path(context, operation->mount, operation->path, path, sizeof path);
    int pool = cgroup_open(AT_FDCWD, path);
    return pool < 0 ? fail(context, errno, NULL) : pool;
}

/* Readable, not O_PATH: it is to be locked. */
static int open_place(int pool, const char *name) {
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int place = openat(pool, name, flags);
    if (place >= 0 || errno != ENOENT)
        return place;
    if (mkdirat(pool, name, 0755) < 0 && errno != EEXIST)
        return -1;
    return openat(pool, name, flags);
}

/* Since 6.12 v2 sets the peak back, for whoever reads it through the descriptor that was written to; before, one that counted is spent. */
static bool peak_is_spent(int place) {
    if (cgroup_number(place, "memory.peak", NULL) <= 0)
        return false;
    int peak = openat(place, "memory.peak", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    bool spent = peak < 0 || write(peak, "0", 1) != 1;
    if (peak >= 0)
        close(peak);
    return spent;
}

/* Whether what we have locked is what stands there: another run may have made it anew before we had the lock. */
static bool is_current(int pool, const char *name, int place) {
    struct stat ours;
    struct stat there;
    return fstat(place, &ours) == 0 && fstatat(pool, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && ours.st_ino == there.st_ino;
}

/* Taken is also one whose launcher was killed while its container still dies. */
static enum state look(int place, const struct take_cgroup *operation) {
    bool v2 = operation->v2 != 0;
    if (cgroup_populated(place, v2))
        return TAKEN;
    if (!operation->memory)
        return FREE;
    int64_t most = LEFT_OVER + AHEAD * (int64_t)sysconf(_SC_NPROCESSORS_ONLN);
    int64_t held = cgroup_number(place, v2 ? "memory.current" : "memory.usage_in_bytes", NULL);
    int64_t limit = cgroup_number(place, v2 ? "memory.max" : "memory.limit_in_bytes", NULL); /* of the run before: it is that of all */
    if (held > most || (limit > 0 && held > limit / SHARE))
        return WORN;
    return v2 && peak_is_spent(place) ? WORN : FREE;
}

/* The place: its descriptor, or -errno; EBUSY: somebody has it, EAGAIN: it is another one by now. One that is worn goes while we have its lock,
 * which `chosen`, the place of a further hierarchy, needs not. */
static int take_place(const struct take_cgroup *operation, int pool, const char *name, bool chosen) {
    int place = open_place(pool, name);
    if (place < 0)
        return errno == ENOENT ? -EAGAIN : -errno;
    enum state state = !chosen && flock(place, LOCK_EX | LOCK_NB) < 0 ? TAKEN
                       : is_current(pool, name, place)                ? look(place, operation)
                                                                      : GONE;
    if (state == FREE)
        return place;
    int error = state == TAKEN ? EBUSY : EAGAIN;
    if (state == WORN && unlinkat(pool, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        error = errno;
    close(place);
    return -error;
}

/* The first operation of the plan finds the number, the others have it. */
static int find_place(struct context *context, const struct take_cgroup *operation, int pool) {
    bool chosen = context->place >= 0;
    int number = chosen ? context->place : 0;
    int last = chosen ? number : PLACES;
    for (int tries = 0; number <= last && tries < TRIES; tries++) {
        char name[16];
        format_number(name, sizeof name, number);
        int place = take_place(operation, pool, name, chosen);
        if (place >= 0) {
            context->place = number;
            return place;
        }
        if (place != -EBUSY && place != -EAGAIN)
            return fail(context, -place, NULL);
        if (place == -EBUSY) {
            number++;
            tries = 0;
        }
    }
    return fail(context, EBUSY, "others are in all of them");
}

/* Our set-up is not meant: the limits come when it is nearly done. */
static int lift_limits(struct context *context, int place, const struct take_cgroup *operation) {
    const char *file = operation->limits.first;
    for (uint32_t i = 0; i < operation->limits.count; i++, file = texts_next(file)) {
        bool number = !operation->v2 && strncmp(file, "memory.", 7) == 0;
        int error = write_file_at(place, file, number ? "-1" : "max");
        if (error && error != ENOENT)
            return fail(context, error, file);
    }
    return 0;
}

/* The time counts from here for the limit of processor time, until init knows what our set-up had used. */
static void note_before(struct context *context, int place, const struct take_cgroup *operation) {
    struct usage *before = &context->shared->before;
    bool v2 = operation->v2 != 0;
    if (operation->cpu)
        before->cpu = cgroup_cpu_time(place, v2);
    if (operation->memory) {
        before->oom_kills = cgroup_oom_kills(place, v2);
        before->memory_peak = NEVER_BEGUN;
    }
}

int do_take_cgroup(struct context *context, const struct take_cgroup *operation) {
    int pool = open_pool(context, operation);
    if (pool < 0)
        return -1;
    int place = find_place(context, operation, pool);
    close(pool);
    if (place < 0)
        return -1;
    bool frozen = cgroup_frozen(place, operation->v2 != 0);
    if (frozen || lift_limits(context, place, operation) < 0) {
        close(place);
        return frozen ? fail(context, EBUSY, "it is frozen, or one of its parents is") : -1;
    }
    note_before(context, place, operation);
    slot_set(context, operation->slot, place);
    return 0;
}

/* Whoever asked for it may have been interrupted meanwhile, and know nothing of it: it stays when he says a word, not when he hangs up. */
static bool is_to_stay(const struct context *context) {
    struct pollfd from[] = {{.fd = context->report_fd, .events = POLLIN},
                            {.fd = context->watch.caller, .events = POLLIN},
                            {.fd = context->monitor.signals, .events = POLLIN}};
    char word;
    while (poll(from, 3, -1) < 0 && errno == EINTR)
        ;
    return from[1].revents || from[2].revents || read(context->report_fd, &word, 1) == 1;
}

/* Its end is that of whoever asked for it, or a signal: no failure, but what follows is the same. */
int do_hold_cgroups(struct context *context, const struct hold_cgroups *operation) {
    (void)operation;
    record_send(context, RECORD_STARTED, -1);
    release_stack();
    release_environment();
    return is_to_stay(context) ? monitor_await(context) : 0;
}
