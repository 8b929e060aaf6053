#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int channel_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

int channel_send(int channel, const struct message *message, int fd) {
    struct message copy = *message;
    struct iovec part = {&copy, sizeof copy};
    union control control;
    memset(&control, 0, sizeof control);
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        head.msg_control = &control;
        head.msg_controllen = sizeof control.space;
        struct cmsghdr *c = CMSG_FIRSTHDR(&head);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    ssize_t sent;
    do
        sent = sendmsg(channel, &head, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof copy ? 0 : -1;
}

int channel_receive(int channel, struct message *message, int *fd) {
    struct iovec part = {message, sizeof *message};
    union control control;
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
    /* not CMSG_SPACE: its padding would take a second descriptor, which nobody would close */
    head.msg_controllen = CMSG_LEN(sizeof(int));
    ssize_t got;
    bool reset =
        false; /* said once, and first, where the other side went without having read all of ours: its own last words wait behind it */
    *fd = -1;
    do {
        got = recvmsg(channel, &head, MSG_CMSG_CLOEXEC);
        reset = got < 0 && errno == ECONNRESET && !reset;
    } while (got < 0 && (errno == EINTR || reset));
    if (got < 0)
        return errno == ECONNRESET ? 0 : -1;
    for (struct cmsghdr *c = got >= 0 ? CMSG_FIRSTHDR(&head) : NULL; c; c = CMSG_NXTHDR(&head, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
            memcpy(fd, CMSG_DATA(c), sizeof *fd);
    if (got == 0)
        return 0;
    if (got != (ssize_t)sizeof *message) {
        if (*fd >= 0)
            close(*fd);
        *fd = -1;
        errno = EBADMSG;
        return -1;
    }
    message->report.detail[DETAIL_SIZE - 1] = 0;
    return 1;
}
