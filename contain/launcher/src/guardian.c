/* The guardian: a twin that waits for the monitor to be killed, and then does what the monitor would have done.
 * It shares the monitor's table of descriptors, so it has every one that the monitor opens, at the moment it is opened: init's pidfd, the
 * cgroup, the state folder and its lock, the terminal. Slots, arms and numbers stand in shared memory. It acts only when the monitor is dead. */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors.h"
#include "kernel_calls.h"

static void wait_until_dead(int pidfd) {
    struct pollfd monitor = {.fd = pidfd, .events = POLLIN};
    while (poll(&monitor, 1, -1) < 1)
        ;
}

static void end_hook(const struct shared *shared) {
    if (shared->hook_pidfd >= 0 && sys_pidfd_send_signal(shared->hook_pidfd, 0) == 0)
        kill(-shared->hook_pid, SIGKILL);
}

static noreturn void guardian_main(struct context *context, int monitor) {
    struct shared *shared = context->shared;
    setsid(); /* or we lead a group already, since the monitor was quicker: either way we are out of its group */
    prctl(PR_SET_NAME, "contain-guard");
    release_stack();
    release_environment();
    wait_until_dead(monitor);
    if (shared->finished)
        _exit(0);
    context->trace = false;
    context->is_guardian = true;
    context->guardian = -1;
    context->init_pid = shared->init_pid;
    if (shared->channel >= 0)
        close(shared->channel); /* ends an init that was not let go yet */
    end_hook(shared);
    shared->exit_reason = REASON_ERROR;
    shared->exit_code = EXIT_OURS;
    teardown(context);
    _exit(0);
}

int guardian_start(struct context *context) {
    int monitor = sys_pidfd_open(getpid());
    if (monitor < 0)
        return fail(context, errno, NULL);
    struct clone_args args = {.flags = CLONE_FILES | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&context->guardian, .exit_signal = SIGCHLD};
    pid_t pid = sys_clone3(&args);
    if (pid == 0)
        guardian_main(context, monitor);
    if (pid < 0)
        return fail(context, errno, NULL);
    setpgid(pid, pid); /* out of our group before anything is changed: whoever kills the group kills not both */
    context->guardian_pid = context->shared->guardian_pid = pid;
    return 0;
}

void guardian_dismiss(struct context *context) {
    context->shared->finished = 1;
    if (context->guardian < 0)
        return;
    sys_pidfd_send_signal(context->guardian, SIGKILL);
    while (context->guardian_pid > 0 && waitpid(context->guardian_pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(context->guardian);
    context->guardian = -1;
}
