#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors.h"
#include "kernel_calls.h"
#include "members.h"
#include "relay.h"

/* Init is not trusted: it may ask for operations that have an answer, each once, in their order, while it is not running the program. */
static bool may_ask(const struct context *context, const struct operation_head *head, const struct message *asked) {
    return head->index == asked->report.operation && asked->value >= 0 && operation_rows[head->kind].asks && head->stage >= STAGE_ENTER &&
           head->stage <= STAGE_GO && !context->monitor.started;
}

void host_answer(struct context *context, const struct message *asked, int fd) {
    struct cursor operations = plan_operations(&context->plan);
    struct operation_head head = {0};
    struct message reply = {.type = MESSAGE_GO};
    bool known = false;
    slot_set(context, SLOT_LISTENER, fd);
    while (!known && plan_next(&operations, &head))
        known = head.index > context->answered && may_ask(context, &head, asked);
    if (known) {
        context->answered = head.index;
        context->current = head;
    }
    if (!known || operation_rows[head.kind].step(context, &head.fields, asked->value) < 0) {
        if (!known)
            fail(context, EPROTO, NULL);
        reply.type = MESSAGE_FAILED;
        reply.report = context->report;
    }
    channel_send(context->channel, &reply, -1);
}

static int init_is_gone(struct context *context) {
    siginfo_t info = {0};
    const char *detail = "the container's process died before it was ready";
    int pidfd = context->shared->init_pidfd;
    if (pidfd >= 0 && waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED | WNOWAIT) == 0)
        if (info.si_code == CLD_KILLED && info.si_status == SIGKILL)
            detail = "the container's process was killed before it was ready (out of memory?)";
    return fail_code(context, 0, EXIT_OURS, detail);
}

/* Answers what init asks until it says that `stage` is done (or, with 0, sends its pid). */
static int wait_for(struct context *context, uint32_t type, unsigned stage, struct message *message, int *fd) {
    for (;;) {
        *fd = -1;
        if (monitor_await(context) < 0)
            return -1;
        int got = channel_receive(context->channel, message, fd);
        if (got < 0)
            return fail(context, errno, NULL);
        if (got == 0)
            return init_is_gone(context);
        if (message->type == MESSAGE_ASK) {
            host_answer(context, message, *fd);
            continue;
        }
        if (message->type == type && (type != MESSAGE_DONE || message->value == stage))
            return 0;
        if (*fd >= 0)
            close(*fd);
        if (message->type != MESSAGE_FAILED)
            return fail(context, EPROTO, NULL);
        context->report = message->report;
        return -1;
    }
}

static int wait_done(struct context *context, unsigned stage) {
    struct message message;
    int fd = -1;
    int result = wait_for(context, MESSAGE_DONE, stage, &message, &fd);
    if (fd >= 0)
        close(fd);
    return result;
}

static void release(struct context *context) {
    channel_send(context->channel, &(struct message){.type = MESSAGE_GO}, -1);
}

/* One stage of the host between two of init: wait for init's, run ours, let init go on. */
static int host_stage(struct context *context, unsigned after, unsigned stage) {
    if (!has_stage(context, stage))
        return 0;
    if (wait_done(context, after) < 0 || run_stage(context, stage) < 0)
        return -1;
    release(context);
    return 0;
}

/* The pidfd's number is written by the kernel, so a guardian never misses a process that exists. */
static pid_t clone_child(struct context *context, uint64_t flags, int group, int *pidfd, int other_end) {
    struct clone_args args = {.flags = flags | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD};
    static int own_slots[SLOT_COUNT];
    if (group >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)group;
    }
    pid_t pid = sys_clone3(&args);
    if (pid == 0) {
        memcpy(own_slots, context->slots, sizeof own_slots);
        context->slots = own_slots;
        close(context->channel);
        context->channel = other_end;
    }
    return pid;
}

/* One that is joined by its path may hold other containers too. */
static bool joins_user_namespace(const struct context *context) {
    struct cursor operations = plan_operations(&context->plan);
    struct operation_head head = {0};
    struct open_namespace opened;
    while (plan_next(&operations, &head))
        if (head.kind == OPERATION_OPEN_NAMESPACE && take_open_namespace(&head.fields, &opened) && opened.flag == CLONE_NEWUSER)
            return true;
    return false;
}

/* Now, while joiner or init are what the monitor is: later they let an ordinary user's guardian not look into them. */
static void note_members(struct context *context) {
    if (context->watch.guardian && context->watch.shares_pids && !joins_user_namespace(context))
        context->shared->members = members_open(context->map_pid);
}

static int map_joiner(struct context *context) {
    if (!has_stage(context, STAGE_MAP))
        return 0;
    if (wait_done(context, STAGE_JOIN) < 0 || run_stage(context, STAGE_MAP) < 0)
        return -1;
    note_members(context);
    release(context);
    return 0;
}

static int start_joined(struct context *context, int other_end) {
    int joiner_fd = -1;
    int init_fd = -1;
    struct message message;
    pid_t joiner = clone_child(context, 0, -1, &joiner_fd, other_end);
    if (joiner == 0)
        joiner_main(context);
    close(other_end);
    if (joiner < 0)
        return fail(context, errno, NULL);
    context->map_pid = joiner;
    int result = map_joiner(context);
    if (result == 0)
        result = wait_for(context, MESSAGE_PID, 0, &message, &init_fd);
    if (result == 0 && (init_fd < 0 || message.value <= 0))
        result = fail(context, EPROTO, NULL);
    if (result == 0) {
        context->shared->init_pidfd = init_fd;
        context->shared->init_pid = context->init_pid = (pid_t)message.value;
    } else
        sys_pidfd_send_signal(joiner_fd, SIGKILL);
    while (waitpid(joiner, NULL, 0) < 0 && errno == EINTR)
        ;
    close(joiner_fd);
    return result;
}

static int start_directly(struct context *context, int other_end) {
    uint64_t flags = (uint64_t)context->create->flags;
    pid_t pid = clone_child(context, flags, slot(context, context->create->cgroup), &context->shared->init_pidfd, other_end);
    if (pid == 0)
        init_main(context);
    close(other_end);
    if (pid < 0)
        return fail(context, errno, NULL);
    context->shared->init_pid = context->init_pid = pid;
    context->map_pid = pid;
    note_members(context);
    return run_stage(context, STAGE_MAP);
}

static int find_create(struct context *context) {
    static struct create_process create;
    struct cursor operations = plan_operations(&context->plan);
    struct operation_head head = {0};
    while (plan_next(&operations, &head)) {
        if (head.kind != OPERATION_CREATE_PROCESS)
            continue;
        context->current = head;
        if (!take_create_process(&head.fields, &create))
            return -1;
        context->create = &create;
        return 0;
    }
    return -1;
}

int do_create_process(struct context *context, const struct create_process *operation) {
    (void)context;
    (void)operation;
    return 0; /* clone3 itself is done by the host, before init can run any operation */
}

/* All stages in which host and init take turns. */
int host_stages(struct context *context) {
    release(context); /* from here on the guardian can end init: it has its pidfd */
    if (host_stage(context, STAGE_ENTER, STAGE_PLACE) < 0 || host_stage(context, STAGE_PREPARE, STAGE_HOST_HOOKS) < 0 ||
        host_stage(context, STAGE_PIVOT, STAGE_PUBLISH) < 0 || wait_done(context, STAGE_LOCK) < 0)
        return -1;
    if (context->counters.late) {
        cgroup_counters_open(context);
        cgroup_usage_begin(context);
    }
    if (starts_alone(context))
        return 0;
    relay_enter(context); /* before the program can write: what it writes is for a raw terminal */
    release(context);
    return 0;
}

int host_start(struct context *context) {
    int ends[2];
    if (run_stage(context, STAGE_OPEN) < 0 || run_stage(context, STAGE_CGROUP) < 0)
        return -1;
    if (find_create(context) < 0)
        return 0; /* a plan for the host alone: nothing is to be started */
    context->watch.shares_pids = !((uint64_t)context->create->flags & CLONE_NEWPID);
    if (context->watch.init && context->watch.shares_pids)
        return fail(context, 0, "an init of ours needs a pid namespace of its own"); /* its kill(-1) would reach the host */
    if (channel_pair(ends) < 0)
        return fail(context, errno, NULL);
    context->channel = context->shared->channel = ends[0];
    cgroup_counters_open(context);
    int started = has_stage(context, STAGE_JOIN) ? start_joined(context, ends[1]) : start_directly(context, ends[1]);
    cgroup_counters_close(context);
    if (started < 0)
        return -1;
    return host_stages(context);
}
