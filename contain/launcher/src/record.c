/* What a library reads from our socket, a packet each (contain/launcher/record.py reads them): that we are there, that the program runs,
 * how it ended; with LENT, descriptors of inside (operations/lend.c). The explainer gets the last one too. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors.h"
#include "kernel_calls.h"

struct record {
    char magic[4];
    uint32_t type;
    int64_t pid; /* HELLO: the monitor, with its pidfd; STARTED: init, with its pidfd */
    int32_t reason;
    int32_t code;
    int32_t signal;
    int32_t started;
    uint32_t operation; /* which one failed, from 1; 0: none */
    uint32_t kind;
    uint32_t stage;
    int32_t error;
    struct usage usage;
    uint32_t denied_count;
    uint32_t unused;
    struct denied denied[DENIED_COUNT];
};

static size_t put(char *buffer, size_t size, size_t used, const char *text) {
    size_t length = strlen(text) + 1;
    if (length > 1024)
        length = 1024;
    if (used + length > size)
        return used;
    memcpy(buffer + used, text, length);
    buffer[used + length - 1] = 0;
    return used + length;
}

size_t record_write(const struct context *context, enum record_type type, char *buffer, size_t size) {
    const struct shared *shared = context->shared;
    struct record record = {
        .magic = {'C', 'N', 'R', '1'},
        .type = type,
        .pid = type == RECORD_HELLO ? getpid() : shared->init_pid,
        .reason = shared->exit_reason,
        .code = shared->exit_code,
        .signal = shared->exit_signal,
        .started = context->monitor.started,
        .usage = type == RECORD_STARTED ? shared->before : shared->usage, /* what of it is not the program's */
        .denied_count = context->monitor.denied_count,
    };
    memcpy(record.denied, context->monitor.denied, sizeof record.denied);
    struct operation_head head = {.place = "", .words = ""};
    bool failed = type == RECORD_RESULT && context->monitor.failed;
    if (failed) {
        find_operation(context, &head);
        record.operation = context->report.operation;
        record.kind = head.kind;
        record.stage = head.stage;
        record.error = context->report.error;
    }
    memcpy(buffer, &record, sizeof record);
    size_t used = put(buffer, size, sizeof record, head.place);
    used = put(buffer, size, used, head.words);
    return put(buffer, size, used, failed ? context->report.detail : "");
}

void record_send(struct context *context, enum record_type type, int fd) {
    char buffer[4096];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    if (context->report_fd < 0)
        return;
    int own = type == RECORD_HELLO ? sys_pidfd_open(getpid()) : fd;
    struct iovec part = {buffer, record_write(context, type, buffer, sizeof buffer)};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    if (own >= 0) {
        head.msg_control = &control;
        head.msg_controllen = sizeof control.space;
        struct cmsghdr *c = CMSG_FIRSTHDR(&head);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &own, sizeof own);
    }
    (void)!sendmsg(context->report_fd, &head, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (type == RECORD_HELLO && own >= 0)
        close(own);
}
