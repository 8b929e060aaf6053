/* The first line of a failure, in the plan's words; cause and remedy come from a program that is executed after it. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "actors.h"
#include "kernel_calls.h"
#include "log.h"
#include "paths.h"

void find_operation(const struct context *context, struct operation_head *head) {
    struct cursor operations = plan_operations(&context->plan);
    *head = (struct operation_head){0};
    while (plan_next(&operations, head) && head->index != context->report.operation)
        ;
    if (head->index != context->report.operation || head->index == 0)
        *head = (struct operation_head){.place = "", .words = "cannot run the container"};
}

static void write_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t done = write(fd, data, size);
        if (done <= 0)
            return;
        data += done;
        size -= (size_t)done;
    }
}

/* The explainer reads the record from a pipe, whose number is its last word; it exits with the code that the record has. */
static void execute_explainer(struct context *context) {
    char record[4096];
    char number[16];
    char *words[16];
    int ends[2];
    size_t count = 0;
    if (!context->explainer || pipe2(ends, 0) < 0)
        return;
    write_all(ends[1], record, record_write(context, RECORD_RESULT, record, sizeof record));
    close(ends[1]);
    format_number(number, sizeof number, ends[0]);
    while (context->explainer[count] && count < 14) {
        words[count] = context->explainer[count];
        count++;
    }
    words[count] = number;
    words[count + 1] = NULL;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(words[0], words);
}

void format_report(const struct context *context, char *line, size_t size) {
    struct operation_head head;
    find_operation(context, &head);
    const char *why = context->report.detail[0] ? context->report.detail : strerror(context->report.error);
    join_words(line, size, (const char *const[]){head.place, head.place[0] ? ": " : "", head.words, ": ", why, NULL});
    make_printable(line);
}

void explain_denied(struct context *context) {
    if (context->monitor.denied_count == 0)
        return;
    execute_explainer(context);
    denied_print(context); /* by their numbers, which is all that we know */
}

int explain(struct context *context) {
    char report[4000];
    char line[4096];
    if (context->report_fd >= 0)
        return context->shared->exit_code;
    format_report(context, report, sizeof report);
    log_error(context->log, context->log_format, report);
    join_words(line, sizeof line, (const char *const[]){"contain: ", report, "\n", NULL});
    write_all(STDERR_FILENO, line, strlen(line));
    execute_explainer(context);
    return context->shared->exit_code;
}
