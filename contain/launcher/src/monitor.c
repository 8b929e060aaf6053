/* The monitor: one loop over descriptors, and a table [state][event] that says what each means. What has no entry is not even polled. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actors.h"
#include "capture.h"
#include "kernel_calls.h"
#include "relay.h"

/* STARTING: until init was let go for good; the host's stages run in between. RUNNING: the program's time. ENDING: init was killed. */
enum state { STARTING, RUNNING, ENDING, STATES };
enum event { MESSAGE, INIT_DEAD, SIGNAL, GUARDIAN_DEAD, CALLER_DEAD, LIFE_ENDED, PARENT_DEAD, TIME_UP, TICK, DENIED, EVENTS };

/* What an action says: GO_ON in the loop, or LEAVE it. */
enum { GO_ON, LEAVE };
typedef int (*action)(struct context *context);

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool ready(int fd) {
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, 0) > 0;
}

/* ---- ending ---- */

static int leave(struct context *context) {
    (void)context;
    return LEAVE;
}

/* Ends a run that has not started: the report says why. */
static int abort_start(struct context *context, int reason, int code, const char *why) {
    context->current = (struct operation_head){0};
    context->monitor.reason = reason;
    context->monitor.failed = true;
    fail_code(context, 0, code, why);
    return LEAVE;
}

static int kill_running(struct context *context, int reason, int code) {
    struct monitor *monitor = &context->monitor;
    if (monitor->reason == REASON_EXITED) {
        monitor->reason = reason;
        monitor->code = code;
    }
    monitor->state = ENDING;
    /* our PID 1 ends all and reaps them: what the kernel kills with it, it forgets. Should it not get to it, teardown kills it. */
    bool asked = context->watch.init && monitor->started && !monitor->failed;
    sys_pidfd_send_signal(context->shared->init_pidfd, asked ? SIGNAL_END : SIGKILL);
    monitor->end_by = now() + (asked ? ASKED_PATIENCE : ENDING_PATIENCE) * (int64_t)1000000;
    return GO_ON;
}

static int fail_running(struct context *context) {
    context->monitor.failed = true;
    return kill_running(context, REASON_ERROR, EXIT_OURS);
}

static int abort_owner(struct context *context) {
    return abort_start(context, REASON_KILLED, 128 + SIGKILL, "the process that asked for it is gone");
}

static int abort_guardian(struct context *context) {
    return abort_start(context, REASON_ERROR, EXIT_OURS, "its guardian was killed");
}

static int abort_time(struct context *context) {
    return abort_start(context, REASON_TIMEOUT, EXIT_TIMEOUT, "the time limit was reached before the program started");
}

static int kill_owner(struct context *context) {
    return kill_running(context, REASON_KILLED, 128 + SIGKILL);
}

static int kill_time(struct context *context) {
    return kill_running(context, REASON_TIMEOUT, EXIT_TIMEOUT);
}

static int look_at_processor_time(struct context *context) {
    return watch_processor_time(context) ? kill_running(context, REASON_CPU_TIME, EXIT_TIMEOUT) : GO_ON;
}

/* While we set up, what our own init may not do fails as without a listener. */
static int early_denied(struct context *context) {
    denied_take(context, true);
    return GO_ON;
}

static int take_denied(struct context *context) {
    bool kills = context->monitor.denied_kills;
    return denied_take(context, !kills) && kills ? kill_running(context, REASON_SECCOMP, 128 + SIGSYS) : GO_ON;
}

static int kill_guardian(struct context *context) {
    context->current = (struct operation_head){0};
    fail(context, 0, "its guardian was killed");
    return fail_running(context);
}

/* ---- children ---- */

static int64_t since(int64_t before, const struct timeval *now) {
    int64_t micro = (int64_t)now->tv_sec * 1000000 + now->tv_usec;
    return micro > before ? micro - before : 0;
}

static void note_usage(struct shared *shared, const struct rusage *from) {
    shared->usage.user = since(shared->before.user, &from->ru_utime);
    shared->usage.system = since(shared->before.system, &from->ru_stime);
    shared->usage.max_rss = from->ru_maxrss;
}

bool monitor_reap(struct context *context, bool block) {
    struct rusage usage;
    int status;
    pid_t pid;
    do
        pid = wait4(-1, &status, block ? 0 : WNOHANG, &usage);
    while (pid < 0 && errno == EINTR);
    if (pid == context->guardian_pid && pid > 0)
        context->guardian_pid = 0; /* its pidfd tells the loop */
    if (pid != context->init_pid || pid <= 0)
        return pid > 0;
    struct monitor *monitor = &context->monitor;
    monitor->dead = true;
    if (!context->watch.init || !monitor->exited)
        monitor->status = status;
    note_usage(context->shared, &usage);
    if (monitor->started)
        context->shared->usage.wall = now() - monitor->start;
    return true;
}

/* ---- the channel ---- */

static int started(struct context *context) {
    struct monitor *monitor = &context->monitor;
    if (monitor->started || monitor->failed) /* execve itself may have failed: no interpreter, another machine's program, too many words */
        return GO_ON;
    monitor->started = true;
    context->shared->started = 1;
    if (!context->brief)
        record_send(context, RECORD_STARTED, context->shared->init_pidfd);
    release_stack();
    if (!context->explainer)
        release_environment();
    for (int number = 1; number < 64; number++)
        if (monitor->early & (1ULL << number))
            sys_pidfd_send_signal(context->shared->init_pidfd, number);
    if (run_stage(context, STAGE_AFTER) < 0)
        return monitor->aborted ? GO_ON : fail_running(context);
    return context->watch.leave ? LEAVE : GO_ON;
}

/* All ends of init's side are closed: execve closed them, or init is dead. It has set `executes` before the execve. */
static int channel_closed(struct context *context) {
    close(context->channel);
    context->channel = context->shared->channel = -1;
    if (context->shared->failure.operation != 0 && !context->monitor.started && !context->monitor.failed) {
        context->report = context->shared->failure; /* written by init: data, whose text ends */
        context->report.detail[DETAIL_SIZE - 1] = 0;
        return fail_running(context);
    }
    if (context->shared->executes)
        return started(context);
    if (context->watch.init || context->monitor.state == ENDING)
        return GO_ON;
    context->current = (struct operation_head){0};
    fail(context, 0, "the container's process died before it executed the program");
    return fail_running(context);
}

static int take_message(struct context *context) {
    struct message message;
    int fd = -1;
    int got = channel_receive(context->channel, &message, &fd);
    if (got <= 0)
        return channel_closed(context);
    if (message.type == MESSAGE_ASK) {
        host_answer(context, &message, fd);
        return GO_ON;
    }
    if (fd >= 0)
        close(fd);
    if (message.type == MESSAGE_STARTED && context->watch.init && context->shared->executes && context->monitor.state == RUNNING)
        return started(context);
    if (message.type == MESSAGE_EXITED && context->watch.init) {
        context->monitor.exited = true;
        context->monitor.status = (int)message.value;
    }
    if (message.type == MESSAGE_FAILED && !context->monitor.started && !context->monitor.failed) {
        context->report = message.report;
        return fail_running(context);
    }
    return GO_ON;
}

/* What init said before it died still counts. */
static int init_dead(struct context *context) {
    while (context->channel >= 0 && ready(context->channel))
        take_message(context);
    while (!context->monitor.dead && monitor_reap(context, true))
        ;
    return LEAVE;
}

/* ---- signals ---- */

static void stop_ourselves(struct context *context) {
    relay_restore(context->shared);
    kill(getpid(), SIGSTOP);
    relay_resume(context);
}

static bool take_signal(struct context *context, int *number) {
    struct signalfd_siginfo info;
    if (read(context->monitor.signals, &info, sizeof info) != sizeof info)
        return false;
    *number = (int)info.ssi_signo;
    return true;
}

static int forward(struct context *context) {
    int number;
    if (!take_signal(context, &number))
        return GO_ON;
    if (number == SIGCHLD) {
        while (!context->monitor.hook && monitor_reap(context, false))
            ;
        return GO_ON;
    }
    if (relay_takes(context, number))
        return GO_ON;
    sys_pidfd_send_signal(context->shared->init_pidfd, number);
    if (number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)
        stop_ourselves(context);
    return GO_ON;
}

/* Before the program runs, a signal that would end it ends the start; the others wait for it. */
static int early_signal(struct context *context) {
    int number;
    if (!take_signal(context, &number) || number == SIGCHLD)
        return GO_ON;
    if (number != SIGTERM && number != SIGINT && number != SIGHUP && number != SIGQUIT) {
        context->monitor.early |= number < 64 && number != SIGWINCH && number != SIGCONT ? 1ULL << number : 0;
        return GO_ON;
    }
    return abort_start(context, REASON_KILLED, 128 + number, "a signal came before the program started");
}

static int late_signal(struct context *context) {
    int number;
    if (take_signal(context, &number) && number == SIGCHLD)
        while (monitor_reap(context, false))
            ;
    return GO_ON;
}

/* ---- the table and the loop ---- */

static const action table[STATES][EVENTS] = {
    [STARTING] = {[MESSAGE] = leave,
                  [SIGNAL] = early_signal,
                  [GUARDIAN_DEAD] = abort_guardian,
                  [CALLER_DEAD] = abort_owner,
                  [LIFE_ENDED] = abort_owner,
                  [PARENT_DEAD] = abort_owner,
                  [TIME_UP] = abort_time,
                  [DENIED] = early_denied},
    [RUNNING] = {[MESSAGE] = take_message,
                 [INIT_DEAD] = init_dead,
                 [SIGNAL] = forward,
                 [GUARDIAN_DEAD] = kill_guardian,
                 [CALLER_DEAD] = kill_owner,
                 [LIFE_ENDED] = kill_owner,
                 [PARENT_DEAD] = kill_owner,
                 [TIME_UP] = kill_time,
                 [TICK] = look_at_processor_time,
                 [DENIED] = take_denied},
    [ENDING] = {[MESSAGE] = take_message, [INIT_DEAD] = init_dead, [SIGNAL] = late_signal},
};

static void find_fds(const struct context *context, int fds[EVENTS]) {
    fds[MESSAGE] = context->channel;
    fds[INIT_DEAD] = context->shared->init_pidfd;
    fds[SIGNAL] = context->monitor.signals;
    fds[GUARDIAN_DEAD] = context->guardian;
    fds[CALLER_DEAD] = context->watch.caller;
    fds[LIFE_ENDED] = context->watch.life;
    fds[PARENT_DEAD] = context->monitor.parent;
    fds[TIME_UP] = context->monitor.timer;
    fds[TICK] = context->monitor.tick;
    fds[DENIED] = context->monitor.listener;
}

/* Milliseconds; whatever comes meanwhile (a payload that goes on writing) makes it no longer. */
static int left_to_end(const struct context *context) {
    int64_t left = (context->monitor.end_by - now()) / 1000000;
    return left > 0 ? (int)left : 0;
}

/* One round: waits, then does what the table says for each event that came, until one ends the loop or changes the state. */
static int step(struct context *context) {
    struct pollfd polled[EVENTS + RELAY_FDS + CAPTURE_COUNT];
    struct pollfd *captures = polled + EVENTS + RELAY_FDS;
    int fds[EVENTS];
    int state = context->monitor.state;
    find_fds(context, fds);
    for (int event = 0; event < EVENTS; event++)
        polled[event] = (struct pollfd){.fd = table[state][event] ? fds[event] : -1, .events = POLLIN};
    relay_poll(context, polled + EVENTS);
    capture_poll(context, captures);
    int patience = state == ENDING ? left_to_end(context) : -1;
    int got = patience == 0 ? 0 : poll(polled, EVENTS + RELAY_FDS + CAPTURE_COUNT, patience);
    if (got == 0)
        return LEAVE; /* killed, and not dead: frozen; teardown thaws it */
    if (got < 0)
        return GO_ON;
    relay_handle(context, polled + EVENTS);
    if (capture_handle(context, captures) && state == RUNNING)
        return kill_owner(context);
    for (int event = 0; event < EVENTS; event++) {
        if (!polled[event].revents)
            continue;
        int said = table[state][event](context);
        if (said == LEAVE || context->monitor.state != state)
            return said;
    }
    return GO_ON;
}

int monitor_await(struct context *context) {
    while (step(context) == GO_ON)
        ;
    return context->monitor.failed ? -1 : 0;
}

bool monitor_take_signal(struct context *context) {
    return table[context->monitor.state][SIGNAL](context) == LEAVE;
}

void monitor_abort(struct context *context) {
    context->monitor.aborted = true;
    if (context->monitor.state == STARTING && !context->monitor.failed)
        monitor_await(context); /* one round: what ended the hook is still there */
}

int monitor_run(struct context *context) {
    struct monitor *monitor = &context->monitor;
    if (context->watch.leave && context->watch.leave_at_gate)
        return 0;
    monitor->state = RUNNING;
    monitor->start = now(); /* init has just been let go: a short program may end before we hear that it has started */
    while (step(context) == GO_ON)
        ;
    if (monitor->failed)
        return -1;
    if (monitor->reason != REASON_EXITED)
        return monitor->code;
    return monitor->dead ? exit_code(monitor->status) : 0;
}
