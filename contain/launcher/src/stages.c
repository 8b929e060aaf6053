#include <string.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "actors.h"
#include "operation.h"

#define WARN_PATIENCE 100 /* ms */

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* From here on the end of the channel means that the program runs, or died. No system call: its filter is on us already. */
static void before_execute(struct context *context) {
    context->shared->executes = 1;
}

static int run_operation(struct context *context) {
    struct cursor fields = context->current.fields;
    if (context->current.kind == OPERATION_EXECUTE)
        before_execute(context);
    if (!context->trace)
        return operation_rows[context->current.kind].step(context, &fields, -1);
    uint64_t start = now();
    int result = operation_rows[context->current.kind].step(context, &fields, -1);
    context->shared->nanoseconds[context->current.index - 1] = now() - start;
    return result;
}

/* An undo that fails does not keep the others from being done; the next sweep tries again. */
static void warn(const struct context *context) {
    char report[1024];
    char line[1100];
    if (context->is_guardian || context->report_fd >= 0)
        return;
    format_report(context, report, sizeof report);
    join_words(line, sizeof line, (const char *const[]){"contain: warning: ", report, "\n", NULL});
    /* whoever reads our errors may have stopped to: the rest is undone all the same */
    struct pollfd errors = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&errors, 1, WARN_PATIENCE) > 0)
        (void)!write(STDERR_FILENO, line, strlen(line));
}

int run_stage(struct context *context, unsigned stage) {
    if (!has_stage(context, stage))
        return 0;
    struct cursor operations = plan_operations(&context->plan);
    struct operation_head head = {0};
    int result = 0;
    while (plan_next(&operations, &head)) {
        if (head.stage != stage)
            continue;
        context->current = head;
        if (run_operation(context) == 0)
            continue;
        result = -1;
        if (stage != STAGE_TEARDOWN)
            return -1;
        warn(context);
    }
    return result;
}

int await_host(struct context *context) {
    for (; context->owed > 0; context->owed--) {
        struct message message;
        int fd = -1;
        if (channel_receive(context->channel, &message, &fd) != 1 || message.type != MESSAGE_GO)
            return -1;
    }
    return 0;
}

int ask_host(struct context *context, int64_t value, int fd) {
    struct message message = {.type = MESSAGE_ASK, .value = value};
    message.report.operation = context->current.index;
    if (await_host(context) < 0 || channel_send(context->channel, &message, fd) < 0)
        return fail(context, 0, "the monitor is gone");
    int got_fd = -1;
    if (channel_receive(context->channel, &message, &got_fd) != 1)
        return fail(context, 0, "the monitor is gone");
    if (got_fd >= 0)
        slot_set(context, SLOT_LISTENER, got_fd);
    if (message.type == MESSAGE_GO)
        return 0;
    context->report = message.report;
    return -1;
}
