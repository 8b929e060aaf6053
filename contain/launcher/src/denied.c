/* What the filter refused, with --seccomp-action report or kill: a refused call waits for our word, and no other call pays anything. */
#include <linux/seccomp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "actors.h"
#include "kernel_calls.h"
#include "paths.h"

static void note(struct monitor *monitor, const struct seccomp_notif *asked) {
    for (uint32_t i = 0; i < monitor->denied_count; i++) {
        struct denied *row = &monitor->denied[i];
        if (row->number == asked->data.nr && row->arch == asked->data.arch) {
            row->count += row->count < UINT32_MAX;
            return;
        }
    }
    if (monitor->denied_count < DENIED_COUNT)
        monitor->denied[monitor->denied_count++] =
            (struct denied){.arch = asked->data.arch, .number = asked->data.nr, .pid = (int32_t)asked->pid, .count = 1};
}

/* Readable: a call waits. Only hung up: nobody under this filter is left, and poll would never be quiet again. */
static bool call_waits(struct monitor *monitor) {
    struct pollfd one = {.fd = monitor->listener, .events = POLLIN};
    if (poll(&one, 1, 0) > 0 && one.revents & POLLIN)
        return true;
    if (one.revents & (POLLHUP | POLLERR)) {
        close(monitor->listener);
        monitor->listener = -1;
    }
    return false;
}

bool denied_take(struct context *context, bool answer) {
    struct monitor *monitor = &context->monitor;
    /* the kernel writes as much as its own structure is long */
    union {
        struct seccomp_notif asked;
        char space[512];
    } in;
    struct seccomp_notif_resp reply = {.error = -EPERM};
    memset(&in, 0, sizeof in);
    if (!call_waits(monitor) || ioctl(monitor->listener, SECCOMP_IOCTL_NOTIF_RECV, &in) < 0)
        return false; /* whoever asked was killed meanwhile */
    note(monitor, &in.asked);
    reply.id = in.asked.id;
    if (answer)
        (void)ioctl(monitor->listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
    return true;
}

void denied_print(const struct context *context) {
    const struct monitor *monitor = &context->monitor;
    for (uint32_t i = 0; i < monitor->denied_count; i++) {
        char line[128];
        char number[16];
        char count[16];
        format_number(number, sizeof number, monitor->denied[i].number);
        format_number(count, sizeof count, monitor->denied[i].count);
        join_words(line, sizeof line,
                   (const char *const[]){"contain: refused by the seccomp filter: system call ", number, " (", count, "x)\n", NULL});
        (void)!write(STDERR_FILENO, line, strlen(line));
    }
}
