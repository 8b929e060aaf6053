#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors.h"
#include "kernel_calls.h"

static noreturn void give_up(struct context *context) {
    struct message message = {.type = MESSAGE_FAILED, .report = context->report};
    context->shared->failure = context->report;
    channel_send(context->channel, &message, -1);
    if (context->gate >= 0) { /* the caller of create is long gone: the caller of start reads this */
        struct gate_report answer = {.code = context->report.code};
        format_report(context, answer.detail, sizeof answer.detail);
        (void)!write(context->gate, &answer, sizeof answer);
    }
    _exit(EXIT_OURS);
}

/* Says that a stage is done; the host does its own meanwhile. */
static void call_host(struct context *context, unsigned stage) {
    struct message message = {.type = MESSAGE_DONE, .value = stage};
    if (channel_send(context->channel, &message, -1) < 0)
        _exit(EXIT_OURS);
    context->owed++;
}

static void need_host(struct context *context) {
    if (await_host(context) < 0)
        _exit(EXIT_OURS); /* the host is gone or gave up: nobody is left to tell */
}

/* Says that a stage is done and waits until the host has done its own. */
static void meet_host(struct context *context, unsigned stage) {
    call_host(context, stage);
    need_host(context);
}

/* Limits of the cgroup concern nothing that init does next: the two need not wait for each other, which costs two switches. A hook sees, and
 * meets, what came before it. */
static bool limits_only(const struct context *context) {
    struct cursor operations = plan_operations(&context->plan);
    struct operation_head head = {0};
    while (plan_next(&operations, &head) && head.stage <= STAGE_PIVOT) {
        bool limit = head.kind == OPERATION_WRITE_CGROUP || head.kind == OPERATION_CHECK_MEMORY_USE ||
                     head.kind == OPERATION_WRITE_DEVICE_RULES || head.kind == OPERATION_ATTACH_DEVICE_PROGRAM ||
                     head.kind == OPERATION_LIMIT_PROCESSOR_TIME;
        if (head.kind == OPERATION_RUN_HOOK || (head.stage == STAGE_HOST_HOOKS && !limit))
            return false;
    }
    return true;
}

bool starts_alone(const struct context *context) {
    struct operation_head head;
    return context->watch.init && !context->counters.late && !plan_find(context, OPERATION_OPEN_TERMINAL, &head);
}

/* The host has nothing to do any more but to watch: it need not be waited for, which costs a switch to it and back. */
static void end_setup(struct context *context) {
    struct message message = {.type = MESSAGE_DONE, .value = STAGE_LOCK};
    if (!starts_alone(context))
        meet_host(context, STAGE_LOCK);
    else if (channel_send(context->channel, &message, -1) < 0)
        _exit(EXIT_OURS);
    need_host(context);
}

static void run_own_stage(struct context *context, unsigned stage) {
    if (run_stage(context, stage) < 0)
        give_up(context);
}

noreturn void joiner_main(struct context *context) {
    run_own_stage(context, STAGE_JOIN);
    if (has_stage(context, STAGE_MAP))
        meet_host(context, STAGE_JOIN);
    prctl(PR_SET_DUMPABLE, 0); /* what we joined may hold processes that would look into us */
    int pidfd = -1;
    struct clone_args args = {
        .flags = (uint64_t)context->create->flags | CLONE_PIDFD | CLONE_PARENT,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
    };
    int group = slot(context, context->create->cgroup);
    if (group >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)group;
    }
    pid_t pid = sys_clone3(&args);
    if (pid == 0)
        init_main(context);
    if (pid < 0) {
        fail(context, errno, NULL);
        give_up(context);
    }
    struct message message = {.type = MESSAGE_PID, .value = pid};
    channel_send(context->channel, &message, pidfd);
    _exit(0);
}

static noreturn void become_program(struct context *context) {
    run_own_stage(context, STAGE_GO);
    fail(context, 0, "the plan executes no program");
    give_up(context);
}

/* The program runs as a child of our PID 1, which goes on as reaper when the program is executed, or has failed and said why. The child works
 * in our memory until then and never returns: no page is copied for what execve throws away (0.1 ms). */
static noreturn void become_reaper(struct context *context) {
    prctl(PR_SET_NAME, "contain-init"); /* the program has the name of its file */
    forget_caller(context->words); /* before the program can look */
    pid_t program = vfork(); /* NOLINT(*vfork,bugprone-unsafe-functions,cert-msc24-c,cert-msc33-c) */
    if (program == 0)
        become_program(context); /* NOLINT(clang-analyzer-unix.Vfork) */
    if (program > 0)
        reaper_main(context, program);
    fail(context, errno, NULL);
    give_up(context);
}

/* What we used for the set-up is no use of the program's. Not later: in the lock stage comes the program's filter. */
static void note_setup(struct context *context) {
    struct usage *before = &context->shared->before;
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN /* hooks */};
    struct rusage usage;
    before->user = before->system = 0;
    for (int i = 0; i < 2 && getrusage(whose[i], &usage) == 0; i++) {
        before->user += (int64_t)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
        before->system += (int64_t)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec;
    }
}

noreturn void init_main(struct context *context) {
    context->in_host = false;
    context->owed = 1;
    need_host(context);
    context->init_pid = context->shared->init_pid;
    run_own_stage(context, STAGE_ENTER);
    if (has_stage(context, STAGE_PLACE))
        meet_host(context, STAGE_ENTER);
    run_own_stage(context, STAGE_PREPARE);
    if (has_stage(context, STAGE_HOST_HOOKS))
        call_host(context, STAGE_PREPARE);
    if (!limits_only(context))
        need_host(context);
    run_own_stage(context, STAGE_PIVOT);
    if (has_stage(context, STAGE_PUBLISH))
        call_host(context, STAGE_PIVOT);
    note_setup(context);
    cgroup_usage_begin(context);
    run_own_stage(context, STAGE_LOCK);
    end_setup(context);
    run_own_stage(context, STAGE_GATE);
    if (context->watch.init)
        become_reaper(context);
    become_program(context);
}
