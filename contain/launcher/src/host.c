#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors.h"
#include "kernel_calls.h"

/* Init asks the host to act for operation `index`; a wrong one is refused, since init is not trusted. */
static void answer(struct context *context, const struct message *asked, int fd) {
    struct cursor operations = plan_operations(&context->plan);
    struct operation_head head = {0};
    struct message reply = {.type = MESSAGE_GO};
    slot_set(context, SLOT_LISTENER, fd);
    while (plan_next(&operations, &head) && head.index != asked->report.operation)
        ;
    context->current = head;
    bool known = head.index == asked->report.operation && asked->value >= 0 && head.stage < STAGE_TEARDOWN;
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
    char detail[96] = "the container's process died before it was ready";
    if (context->init_pidfd >= 0 && waitid((idtype_t)3 /* P_PIDFD */, (id_t)context->init_pidfd, &info, WEXITED | WNOWAIT) == 0)
        if (info.si_code == CLD_KILLED && info.si_status == SIGKILL)
            join_words(detail, sizeof detail,
                       (const char *const[]){"the container's process was killed before it was ready (out of memory?)", NULL});
    return fail_code(context, 0, EXIT_OURS, detail);
}

/* Answers what init asks until it says that `stage` is done (or, with 0, sends its pid). */
static int wait_for(struct context *context, uint32_t type, unsigned stage, struct message *message, int *fd) {
    for (;;) {
        int got = channel_receive(context->channel, message, fd);
        if (got < 0)
            return fail(context, errno, NULL);
        if (got == 0)
            return init_is_gone(context);
        if (message->type == MESSAGE_FAILED) {
            context->report = message->report;
            return -1;
        }
        if (message->type == MESSAGE_ASK) {
            answer(context, message, *fd);
            continue;
        }
        if (message->type != type || (type == MESSAGE_DONE && message->value != stage))
            return fail(context, EPROTO, NULL);
        return 0;
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

static pid_t clone_child(uint64_t flags, int group, int *pidfd) {
    struct clone_args args = {.flags = flags | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD};
    if (group >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)group;
    }
    return sys_clone3(&args);
}

static int start_joined(struct context *context, int other_end) {
    int joiner_fd = -1;
    struct message message;
    pid_t joiner = clone_child(0, -1, &joiner_fd);
    if (joiner == 0) {
        close(context->channel);
        context->channel = other_end;
        joiner_main(context);
    }
    close(other_end);
    if (joiner < 0)
        return fail(context, errno, NULL);
    context->map_pid = joiner;
    int result = 0;
    if (has_stage(context, STAGE_MAP)) {
        result = wait_done(context, STAGE_JOIN);
        if (result == 0)
            result = run_stage(context, STAGE_MAP);
        if (result == 0)
            release(context);
    }
    if (result == 0)
        result = wait_for(context, MESSAGE_PID, 0, &message, &context->init_pidfd);
    if (result < 0)
        sys_pidfd_send_signal(joiner_fd, SIGKILL);
    else
        context->init_pid = (pid_t)message.value;
    while (waitpid(joiner, NULL, 0) < 0 && errno == EINTR)
        ;
    close(joiner_fd);
    return result;
}

static int start_directly(struct context *context, int other_end) {
    pid_t pid = clone_child((uint64_t)context->create->flags, slot(context, context->create->cgroup), &context->init_pidfd);
    if (pid == 0) {
        close(context->channel);
        context->channel = other_end;
        init_main(context);
    }
    close(other_end);
    if (pid < 0)
        return fail(context, errno, NULL);
    context->init_pid = pid;
    context->map_pid = pid;
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
        create.flags = take_i64(&head.fields);
        take_text(&head.fields);
        create.cgroup = take_i64(&head.fields);
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

int host_start(struct context *context) {
    int ends[2];
    if (run_stage(context, STAGE_OPEN) < 0 || run_stage(context, STAGE_CGROUP) < 0)
        return -1;
    if (find_create(context) < 0)
        return 0; /* a plan for the host alone: nothing is to be started */
    if (channel_pair(ends) < 0)
        return fail(context, errno, NULL);
    context->channel = ends[0];
    int started = has_stage(context, STAGE_JOIN) ? start_joined(context, ends[1]) : start_directly(context, ends[1]);
    if (started < 0)
        return -1;
    if ((has_stage(context, STAGE_MAP) && !has_stage(context, STAGE_JOIN)) || context->watch.guardian)
        release(context);
    if (host_stage(context, STAGE_ENTER, STAGE_PLACE) < 0 || host_stage(context, STAGE_PREPARE, STAGE_HOST_HOOKS) < 0 ||
        host_stage(context, STAGE_PIVOT, STAGE_PUBLISH) < 0 || wait_done(context, STAGE_LOCK) < 0)
        return -1;
    release(context);
    return 0;
}
