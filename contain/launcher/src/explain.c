/* The first line of a failure, in the plan's words; cause and remedy come from a program that is executed after it. */
#include <string.h>
#include <unistd.h>

#include "actors.h"

static void find_operation(const struct context *context, struct operation_head *head) {
    struct cursor operations = plan_operations(&context->plan);
    *head = (struct operation_head){0};
    while (plan_next(&operations, head) && head->index != context->report.operation)
        ;
    if (head->index != context->report.operation || head->index == 0)
        *head = (struct operation_head){.place = "", .words = "cannot launch"};
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

void format_report(const struct context *context, char *line, size_t size) {
    struct operation_head head;
    find_operation(context, &head);
    const char *why = context->report.detail[0] ? context->report.detail : strerror(context->report.error);
    join_words(line, size, (const char *const[]){head.place, head.place[0] ? ": " : "", head.words, ": ", why, NULL});
}

int explain(struct context *context) {
    char line[2048];
    char report[2000];
    format_report(context, report, sizeof report);
    join_words(line, sizeof line, (const char *const[]){"contain: ", report, "\n", NULL});
    if (context->report_fd >= 0)
        write_all(context->report_fd, (const char *)&context->report, sizeof context->report);
    else
        write_all(STDERR_FILENO, line, strlen(line));
    return context->report.code ? context->report.code : EXIT_OURS;
}
