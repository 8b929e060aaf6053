/* Descriptors of inside for the caller: a process of ours joins the container, opens them, sends them over the report socket, and ends. */
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../actors.h"
#include "../kernel_calls.h"
#include "../operation.h"

#define LENT_MOST 16

int lend(struct context *context, const int *fds, int count) {
    char buffer[4096];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * LENT_MOST)];
    } control = {0};
    struct iovec part = {buffer, record_write(context, RECORD_LENT, buffer, sizeof buffer)};
    struct msghdr head = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&head);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)count);
    if (context->report_fd < 0 || sendmsg(context->report_fd, &head, MSG_NOSIGNAL) < 0)
        return fail(context, errno, NULL);
    return 0;
}

/* A process that was made for this ends with it; the host's goes on. */
static int send_all(struct context *context, const int *fds, int count) {
    if (lend(context, fds, count) < 0)
        return -1;
    if (context->in_host)
        return 0;
    context->shared->executes = 1; /* as if it had executed a program: there is nothing more to come */
    _exit(0);
}

static int open_inside(struct context *context, const char *path, uint64_t flags, uint64_t mode) {
    return sys_openat2(slot(context, SLOT_ROOT), path, flags | O_CLOEXEC, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/* Looked at before it is opened: opening a device or a fifo would already do something. */
static int check_regular(struct context *context, const struct lend_file *operation, struct stat *found) {
    int seen = open_inside(context, operation->path, O_PATH, 0);
    if (seen < 0)
        return operation->write && errno == ENOENT ? 0 : fail(context, errno, NULL);
    int error = fstat(seen, found) < 0 ? errno : 0;
    close(seen);
    if (error)
        return fail(context, error, NULL);
    return S_ISREG(found->st_mode) ? 0 : fail(context, EINVAL, S_ISDIR(found->st_mode) ? "it is a folder" : "it is no regular file");
}

int do_lend_file(struct context *context, const struct lend_file *operation) {
    struct stat before = {0};
    struct stat now;
    if (check_regular(context, operation, &before) < 0)
        return -1;
    uint64_t flags = operation->write ? O_WRONLY | O_CREAT : O_RDONLY;
    int fd = open_inside(context, operation->path, flags | O_NONBLOCK | O_NOCTTY, operation->write ? 0600 : 0);
    if (fd < 0 || fstat(fd, &now) < 0)
        return fail(context, errno, NULL);
    if (!S_ISREG(now.st_mode) || (before.st_ino && (now.st_ino != before.st_ino || now.st_dev != before.st_dev)))
        return fail(context, EAGAIN, "it changed while it was opened");
    /* the mode last: it clears what a setuid file had; the caller writes as somebody whose writes would not */
    if (operation->write && (ftruncate(fd, 0) < 0 || fchmod(fd, (mode_t)operation->mode & 0777) < 0))
        return fail(context, errno, NULL);
    return send_all(context, &fd, 1);
}

int do_lend_sockets(struct context *context, const struct lend_sockets *operation) {
    int fds[LENT_MOST];
    int count = operation->count < 1 ? 1 : operation->count > LENT_MOST ? LENT_MOST : (int)operation->count;
    for (int i = 0; i < count; i++) {
        fds[i] = socket((int)operation->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fds[i] < 0)
            return fail(context, errno, NULL);
    }
    return send_all(context, fds, count);
}
