/* --trace: what each operation took, in the order of the plan. */
#include <string.h>
#include <unistd.h>

#include "actors.h"
#include "log.h"
#include "paths.h"

static const char *stage_name(unsigned stage) {
    static const char *const names[] = {"",           "open",  "cgroup",  "join", "map",  "enter", "place", "prepare",
                                        "host-hooks", "pivot", "publish", "lock", "gate", "go",    "after", "teardown"};
    return stage < sizeof names / sizeof names[0] ? names[stage] : "";
}

/* Right-aligned milliseconds with three digits behind the point. */
static void format_time(char *buffer, size_t size, uint64_t nanoseconds) {
    char whole[24];
    char part[24];
    format_number(whole, sizeof whole, (long)(nanoseconds / 1000000));
    format_number(part, sizeof part, (long)(1000 + nanoseconds / 1000 % 1000));
    size_t length = strlen(whole);
    join_words(buffer, size, (const char *const[]){length < 6 ? "      " + length : "", whole, ".", part + 1, NULL});
}

void trace_print(const struct context *context) {
    struct cursor operations = plan_operations(&context->plan);
    struct operation_head head = {0};
    char line[512];
    char took[32];
    while (plan_next(&operations, &head)) {
        uint64_t nanoseconds = context->shared->nanoseconds[head.index - 1];
        const char *words = strncmp(head.words, "cannot ", 7) == 0 ? head.words + 7 : head.words;
        const char *stage = stage_name(head.stage);
        format_time(took, sizeof took, nanoseconds);
        join_words(line, sizeof line - 1,
                   (const char *const[]){nanoseconds ? took : "         -", " ms  ", stage, &"            "[strlen(stage)], words, NULL});
        make_printable(line);
        strcat(line, "\n");
        (void)!write(STDERR_FILENO, line, strlen(line));
    }
}
