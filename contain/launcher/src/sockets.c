#include "sockets.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel_calls.h"
#include "operation.h"
#include "paths.h"

/* A socket's path may be longer than sun_path: it is reached through a descriptor of its folder. */
int socket_connect(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[4096];
    char number[16];
    const char *name = strrchr(path, '/');
    size_t length = name ? (size_t)(name - path) + 1 : 0;
    if (!name || length >= sizeof folder || strlen(name) > 64)
        return -ENAMETOOLONG;
    memcpy(folder, path, length);
    folder[length] = 0;
    int parent = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return -errno;
    format_number(number, sizeof number, parent);
    join_words(address.sun_path, sizeof address.sun_path, (const char *const[]){"/proc/self/fd/", number, name, NULL});
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
    close(parent);
    if (error && fd >= 0)
        close(fd);
    return error ? -error : fd;
}

int send_descriptor(int socket, const char *name, int fd) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char text[64];
    join_words(text, sizeof text, (const char *const[]){name, NULL});
    struct iovec part = {text, strlen(text)};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
    struct cmsghdr *c = CMSG_FIRSTHDR(&head);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(socket, &head, MSG_NOSIGNAL) < 0 ? errno : 0;
}
