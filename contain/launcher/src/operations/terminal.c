#include <linux/major.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"
#include "../paths.h"
#include "../relay.h"
#include "../sockets.h"

#define DEVPTS_MAGIC 0x1cd1
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int do_connect_console_socket(struct context *context, const struct connect_console_socket *operation) {
    int fd = socket_connect(operation->path);
    if (fd < 0)
        return fail(context, -fd, NULL);
    slot_set(context, operation->slot, fd);
    return 0;
}

int do_start_session(struct context *context, const struct start_session *operation) {
    (void)operation;
    return setsid() < 0 && errno != EPERM ? fail(context, errno, NULL) : 0;
}

/* Whatever the root file system has at that place: only a real devpts is opened (CVE-2025-52565 and its kin). */
static int open_multiplexer(struct context *context) {
    struct statfs fs;
    struct stat st;
    int root = slot(context, SLOT_ROOT);
    int fd =
        sys_openat2(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    if (fd < 0)
        return fail(context, errno, NULL);
    if (fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_MAGIC && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2))
        return fd;
    close(fd);
    return fail(context, ENODEV, "/dev/pts is no devpts");
}

static int open_console_file(int root) {
    uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
    int fd = sys_openat2(root, "dev/console", O_PATH | O_CLOEXEC | O_NOFOLLOW, 0, resolve);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    fd = sys_openat2(root, "dev/console", O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600, resolve);
    if (fd < 0)
        return -1;
    close(fd);
    return sys_openat2(root, "dev/console", O_PATH | O_CLOEXEC | O_NOFOLLOW, 0, resolve);
}

static int show_console(struct context *context, int terminal) {
    int target = open_console_file(slot(context, SLOT_ROOT));
    if (target < 0)
        return fail(context, errno, NULL);
    int tree = sys_open_tree(terminal, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    int error = tree < 0 || sys_move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? errno : 0;
    if (tree >= 0)
        close(tree);
    close(target);
    return error ? fail(context, error, NULL) : 0;
}

int do_open_terminal(struct context *context, const struct open_terminal *operation) {
    struct winsize size = {.ws_row = (unsigned short)operation->height, .ws_col = (unsigned short)operation->width};
    int master = open_multiplexer(context);
    if (master < 0)
        return -1;
    int terminal = ioctl(master, TIOCSPTLCK, &(int){0}) < 0 ? -1 : ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0)
        return fail(context, errno, NULL);
    slot_set(context, SLOT_CONSOLE, terminal);
    if (operation->width > 0)
        ioctl(terminal, TIOCSWINSZ, &size);
    if (fchown(terminal, (uid_t)operation->uid, (gid_t)-1) < 0)
        return fail(context, errno, NULL);
    if (operation->console && show_console(context, terminal) < 0)
        return -1;
    int result = ask_host(context, 0, master);
    close(master);
    return result;
}

int answer_open_terminal(struct context *context, const struct open_terminal *operation, int64_t value) {
    struct statfs fs;
    int master = slot(context, SLOT_LISTENER);
    (void)value;
    if (master < 0 || fstatfs(master, &fs) < 0 || fs.f_type != DEVPTS_MAGIC)
        return fail(context, EPROTO, NULL);
    if (operation->socket == 0) {
        context->slots[SLOT_LISTENER] = -1;
        context->relay.input = operation->input != 0;
        relay_start(context, master);
        return 0;
    }
    int error = send_descriptor(slot(context, operation->socket), "/dev/ptmx", master);
    slot_set(context, SLOT_LISTENER, -1);
    slot_set(context, operation->socket, -1);
    return error ? fail(context, error, NULL) : 0;
}

int do_take_terminal(struct context *context, const struct take_terminal *operation) {
    int terminal = slot(context, SLOT_CONSOLE);
    (void)operation;
    setsid(); /* a leader already: then it has a session of its own */
    if (ioctl(terminal, TIOCSCTTY, 0) < 0)
        return fail(context, errno, NULL);
    for (int fd = 0; fd < 3; fd++)
        if (dup2(terminal, fd) < 0)
            return fail(context, errno, NULL);
    return 0;
}

static bool is_null(const struct stat *st) {
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

int do_empty_input(struct context *context, const struct empty_input *operation) {
    struct stat st;
    (void)operation;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail(context, errno, NULL);
    if (fstat(fd, &st) < 0 || !is_null(&st))
        return fail(context, ENODEV, "/dev/null is not what it should be");
    int error = dup2(fd, STDIN_FILENO) < 0 ? errno : 0;
    close(fd);
    return error ? fail(context, error, NULL) : 0;
}

/* The caller's /dev/null lies on a mount that the container does not have: its root could chmod the host's node through it, and CRIU
 * finds no such mount. The container's own takes its place; one that is no such device is left alone. */
static void own_null(int stream) {
    struct stat st;
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && is_null(&st) && fcntl(fd, F_SETFL, 0) == 0)
        (void)!dup2(fd, stream);
    close(fd);
}

int do_own_streams(struct context *context, const struct own_streams *operation) {
    struct stat st;
    (void)context;
    for (int fd = 0; fd < 3; fd++) {
        if (fstat(fd, &st) < 0)
            continue;
        if (is_null(&st))
            own_null(fd);
        else if ((S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) && st.st_uid != (uid_t)operation->uid)
            (void)!fchown(fd, (uid_t)operation->uid, (gid_t)-1);
    }
    return 0;
}
