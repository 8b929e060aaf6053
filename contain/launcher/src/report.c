#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernel_calls.h"
#include "operation.h"

static size_t append(char *buffer, size_t size, size_t used, const char *text) {
    while (*text && used + 1 < size)
        buffer[used++] = *text++;
    buffer[used] = 0;
    return used;
}

void join_words(char *buffer, size_t size, const char *const *parts) {
    size_t used = 0;
    buffer[0] = 0;
    for (; *parts; parts++)
        used = append(buffer, size, used, *parts);
}

int fail_code(struct context *context, int error, int code, const char *detail) {
    struct report *report = &context->report;
    report->operation = context->current.index;
    report->error = error;
    report->code = code;
    report->detail[0] = 0;
    if (detail)
        append(report->detail, sizeof report->detail, 0, detail);
    return -1;
}

int fail(struct context *context, int error, const char *detail) {
    return fail_code(context, error, EXIT_OURS, detail);
}

int slot(const struct context *context, int64_t number) {
    if (number <= 0 || number >= SLOT_COUNT)
        return -1;
    return context->slots[number];
}

void slot_set(struct context *context, int64_t number, int fd) {
    if (number <= 0 || number >= SLOT_COUNT) {
        if (fd >= 0)
            close(fd);
        return;
    }
    if (context->slots[number] >= 0)
        close(context->slots[number]);
    context->slots[number] = fd;
}

void arm(struct context *context, int64_t number) {
    if (number > 0 && number < ARMED_COUNT)
        context->shared->armed[number] = 1;
}

bool is_armed(const struct context *context, int64_t number) {
    return number == 0 || (number > 0 && number < ARMED_COUNT && context->shared->armed[number] != 0);
}

void disarm(struct context *context, int64_t number) {
    if (number > 0 && number < ARMED_COUNT)
        context->shared->armed[number] = 0;
}

bool plan_find(const struct context *context, enum operation_kind kind, struct operation_head *head) {
    struct cursor operations = plan_operations(&context->plan);
    *head = (struct operation_head){0};
    while (plan_next(&operations, head))
        if (head->kind == kind)
            return true;
    return false;
}

int note_undo(struct context *context, const char *kind, const char *path) {
    char line[8192];
    int folder = slot(context, SLOT_STATE);
    int note = slot(context, SLOT_NOTE);
    if (folder < 0 && note < 0)
        return 0;
    size_t used = append(line, sizeof line, 0, kind);
    used = append(line, sizeof line, used, " ");
    for (; *path && used + 6 < sizeof line; path++) {
        unsigned char c = (unsigned char)*path;
        if (c >= 32 && c != 127 && c != '\\') {
            line[used++] = *path;
            continue;
        }
        const char escaped[] = {'\\', (char)('0' + (c >> 6)), (char)('0' + ((c >> 3) & 7)), (char)('0' + (c & 7)), 0};
        used = append(line, sizeof line, used, escaped);
    }
    line[used++] = '\n';
    if (note >= 0)
        return write(note, line, used) == (ssize_t)used ? 0 : EIO;
    int fd = openat(folder, "undo", O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno;
    int error = write(fd, line, used) == (ssize_t)used ? 0 : EIO;
    close(fd);
    return error;
}
