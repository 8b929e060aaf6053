/* What can end a run beside the container itself: signals, the time limit, the parent, the caller, the guardian's death. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "actors.h"
#include "cgroups.h"
#include "kernel_calls.h"

#define TICK 20000000 /* ns between two looks at the processor time */

/* All signals are blocked and read from a descriptor; SIGPIPE and SIGURG mean nothing to us nor to the container. */
int watch_prepare(struct context *context) {
    sigset_t all;
    sigfillset(&all);
    if (sigprocmask(SIG_BLOCK, &all, NULL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return -1;
    sigdelset(&all, SIGPIPE);
    sigdelset(&all, SIGURG);
    context->monitor.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    record_send(context, RECORD_HELLO, -1);
    return context->monitor.signals < 0 ? -1 : 0;
}

/* A parent that died before we looked has been replaced: then its successor's number differs, or the pidfd is dead at once. */
static int watch_parent(struct context *context) {
    pid_t parent = getppid();
    context->monitor.parent = sys_pidfd_open(parent);
    if (context->monitor.parent < 0 || getppid() != parent)
        return fail(context, 0, "the parent process is gone");
    return 0;
}

static int watch_time(struct context *context, int64_t milliseconds) {
    struct itimerspec when = {.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000000}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0 || timerfd_settime(fd, 0, &when, NULL) < 0)
        return fail(context, errno, NULL);
    context->monitor.timer = fd;
    return 0;
}

/* Our own PID 1 ends with us, and with it everything in its pid namespace: then only changes of the host need a guardian. */
static bool needs_guardian(const struct context *context, bool asked) {
    return asked && (!context->watch.init || has_stage(context, STAGE_TEARDOWN) || context->plan.stage_counts[STAGE_CGROUP] > 0);
}

int do_supervise(struct context *context, const struct supervise *operation) {
    struct watch *watch = &context->watch;
    watch->init = operation->init != 0;
    watch->timeout = operation->timeout;
    watch->parent_death = operation->parent_death != 0;
    watch->failure_code = (int)operation->failure_code;
    watch->guardian = needs_guardian(context, operation->guardian != 0);
    if (watch->parent_death && watch_parent(context) < 0)
        return -1;
    if (watch->timeout > 0 && watch_time(context, watch->timeout) < 0)
        return -1;
    return watch->guardian ? guardian_start(context) : 0;
}

int do_limit_processor_time(struct context *context, const struct limit_processor_time *operation) {
    struct itimerspec every = {.it_value = {0, TICK}, .it_interval = {0, TICK}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) < 0)
        return fail(context, errno, NULL);
    context->monitor.tick = fd;
    context->watch.processor_time = operation->milliseconds * 1000000;
    context->watch.processor_slot = operation->slot;
    context->watch.processor_v2 = operation->v2 != 0;
    return 0;
}

bool watch_processor_time(struct context *context) {
    const struct watch *watch = &context->watch;
    uint64_t times;
    (void)!read(context->monitor.tick, &times, sizeof times);
    int64_t used = cgroup_cpu_time(slot(context, watch->processor_slot), watch->processor_v2);
    return used - context->shared->before.cpu >= watch->processor_time;
}

int watch_abort_fds(const struct context *context, int fds[5]) {
    const int all[] = {context->guardian, context->watch.caller, context->watch.life, context->monitor.parent, context->monitor.timer};
    int count = 0;
    for (int i = 0; i < 5; i++)
        if (all[i] >= 0)
            fds[count++] = all[i];
    return count;
}
