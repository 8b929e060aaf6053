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

/* What is wrong with a file that is no regular one. */
static const char *not_regular(mode_t mode) {
    return S_ISDIR(mode) ? "it is a folder" : "it is no regular file";
}

/* A regular file, looked at before it is opened: opening a device or a fifo would already do something. The descriptor, or -errno. */
static int open_regular(struct context *context, const char *path, bool writes, mode_t mode, const char **why) {
    struct stat before = {0};
    struct stat now;
    int seen = open_inside(context, path, O_PATH, 0);
    if (seen < 0 && !(writes && errno == ENOENT))
        return -errno;
    if (seen >= 0 && fstat(seen, &before) < 0)
        before.st_mode = 0;
    if (seen >= 0)
        close(seen);
    if (seen >= 0 && !S_ISREG(before.st_mode)) {
        *why = not_regular(before.st_mode);
        return -EINVAL;
    }
    uint64_t flags = writes ? O_WRONLY | O_CREAT : O_RDONLY;
    int fd = open_inside(context, path, flags | O_NONBLOCK | O_NOCTTY, writes ? 0600 : 0);
    if (fd < 0)
        return -errno;
    int error = fstat(fd, &now) < 0 ? errno : 0;
    if (!error && (!S_ISREG(now.st_mode) || (before.st_ino && (now.st_ino != before.st_ino || now.st_dev != before.st_dev)))) {
        *why = "it changed while it was opened";
        error = EAGAIN;
    }
    /* the mode last: it clears what a setuid file had; the caller writes as somebody whose writes would not */
    if (!error && writes && (ftruncate(fd, 0) < 0 || fchmod(fd, mode & 0777) < 0))
        error = errno;
    if (!error)
        return fd;
    close(fd);
    return -error;
}

int do_lend_file(struct context *context, const struct lend_file *operation) {
    const char *why = NULL;
    int fd = open_regular(context, operation->path, operation->write, (mode_t)operation->mode, &why);
    return fd < 0 ? fail(context, -fd, why) : send_all(context, &fd, 1);
}

/* The folder in which a path's last part is, and that part; the text is changed. */
static int open_parent(struct context *context, char *path, const char **name) {
    char *slash = strrchr(path, '/');
    if (slash == NULL || slash[1] == 0)
        return -EINVAL;
    *name = slash + 1;
    *slash = 0;
    int fd = open_inside(context, *path ? path : "/", O_PATH | O_DIRECTORY, 0);
    return fd < 0 ? -errno : fd;
}

static int make_link(const char *target, int parent, const char *name) {
    struct stat found;
    if (symlinkat(target, parent, name) == 0)
        return 0;
    int error = errno;
    if (error != EEXIST || fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(found.st_mode))
        return error;
    return unlinkat(parent, name, 0) < 0 || symlinkat(target, parent, name) < 0 ? errno : 0;
}

static int make_folder(int parent, const char *name, mode_t mode) {
    struct stat found;
    if (mkdirat(parent, name, mode & 0777) == 0)
        return 0;
    int error = errno;
    return error == EEXIST && fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(found.st_mode) ? 0 : error;
}

/* A folder or a link; one that is there already is as good, or is replaced. */
static int make_entry(struct context *context, char *path, const char *target, mode_t mode) {
    const char *name;
    int parent = open_parent(context, path, &name);
    if (parent < 0)
        return parent;
    int error = target ? make_link(target, parent, name) : make_folder(parent, name, mode);
    close(parent);
    return -error;
}

static mode_t take_mode(const char *digits) {
    mode_t mode = 0;
    for (int i = 0; i < 4; i++)
        mode = mode * 8 + (mode_t)(digits[i] >= '0' && digits[i] <= '7' ? digits[i] - '0' : 0);
    return mode;
}

/* One request; the text ends. A descriptor, -errno, or 0 where there is none. */
static int serve(struct context *context, char *text, size_t size) {
    const char *why = NULL;
    switch (text[0]) {
    case 'r':
        return open_regular(context, text + 1, false, 0, &why);
    case 'd':
    case 'l': {
        int fd = open_inside(context, text + 1, (text[0] == 'd' ? O_RDONLY | O_DIRECTORY : O_PATH) | O_NOFOLLOW, 0);
        return fd < 0 ? -errno : fd;
    }
    case 'w':
        return size > 5 ? open_regular(context, text + 5, true, take_mode(text + 1), &why) : -EINVAL;
    case 'm':
        return size > 5 ? make_entry(context, text + 5, NULL, take_mode(text + 1)) : -EINVAL;
    case 's': {
        size_t length = strlen(text);
        return length + 1 < size ? make_entry(context, text + 1, text + length + 1, 0) : -EINVAL;
    }
    default:
        return -EINVAL;
    }
}

static bool answer(int32_t error, int fd) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {&error, sizeof error};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd > 0) {
        head.msg_control = &control;
        head.msg_controllen = sizeof control.space;
        struct cmsghdr *c = CMSG_FIRSTHDR(&head);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    return sendmsg(STDIN_FILENO, &head, MSG_NOSIGNAL) >= 0;
}

int do_lend_tree(struct context *context, const struct lend_tree *operation) {
    static char text[3 * 4096];
    ssize_t got;
    (void)operation;
    while ((got = recv(STDIN_FILENO, text, sizeof text - 1, 0)) > 0) {
        text[got] = 0;
        int found = serve(context, text, (size_t)got + 1);
        bool sent = answer(found < 0 ? -found : 0, found);
        if (found > 0)
            close(found);
        if (!sent)
            break;
    }
    context->shared->executes = 1; /* as in send_all */
    _exit(0);
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
