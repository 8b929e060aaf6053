#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"

#define PROC_ROOT_INODE 1
#define AGENT_PATIENCE 10 /* seconds */
#define KEYCTL_JOIN_SESSION_KEYRING 1
#define KEYCTL_SETPERM 5
/* Everything for the possessor, and search for the user: after setresuid the program is not the keyring's owner. */
#define KEYRING_RIGHTS 0x3f080000U

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_RAISE 2
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif
#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER (1UL << 3)
#endif

struct program {
    unsigned short length;
    const void *code;
};

int do_join_keyring(struct context *context, const struct join_keyring *operation) {
    long ring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
    if (ring >= 0) {
        syscall(SYS_keyctl, KEYCTL_SETPERM, ring, KEYRING_RIGHTS, 0, 0);
        return 0;
    }
    bool refused = errno == EPERM || errno == EACCES;
    if (errno == ENOSYS || (refused && operation->optional))
        return 0; /* a kernel without keys, or an outer filter that hides them from the program too */
    return fail(context, errno, NULL);
}

int do_open_host_proc(struct context *context, const struct open_host_proc *operation) {
    struct statfs fs;
    struct stat root;
    int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(context, errno, NULL);
    slot_set(context, operation->slot, fd);
    if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC || fstat(fd, &root) < 0 || root.st_ino != PROC_ROOT_INODE)
        return fail(context, EXDEV, "it is no procfs");
    return 0;
}

int do_set_exec_label(struct context *context, const struct set_exec_label *operation) {
    const uint64_t inside = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
    char path[64];
    int proc = slot(context, operation->proc);
    join_words(path, sizeof path, (const char *const[]){"thread-self/attr/", operation->file, NULL});
    int fd = sys_openat2(proc, path, O_WRONLY | O_CLOEXEC, 0, inside);
    if (fd < 0)
        return fail(context, errno, NULL);
    size_t size = strlen(operation->value);
    int error = write(fd, operation->value, size) == (ssize_t)size ? 0 : errno;
    close(fd);
    return error ? fail(context, error, NULL) : 0;
}

int do_hide_process(struct context *context, const struct hide_process *operation) {
    (void)operation;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? fail(context, errno, NULL) : 0;
}

int do_drop_bounding(struct context *context, const struct drop_bounding *operation) {
    for (int cap = 0; cap < 64; cap++) {
        if ((operation->keep >> cap & 1) || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
            continue;
        if (errno == EINVAL)
            break; /* the kernel knows no more */
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
            return fail(context, EPERM, NULL);
    }
    return 0;
}

static int set_groups(struct context *context, struct texts groups) {
    static gid_t list[65536]; /* NGROUPS_MAX */
    const char *at = groups.first;
    if (groups.count > sizeof list / sizeof list[0])
        return fail(context, EINVAL, "too many groups");
    for (uint32_t i = 0; i < groups.count; i++, at = texts_next(at))
        list[i] = (gid_t)strtoul(at, NULL, 10);
    if (syscall(SYS_setgroups, (size_t)groups.count, list) == 0)
        return 0;
    /* user_namespaces(7): denied for who wrote gid_map himself; then there is nothing to be cleared that he could clear */
    if (errno == EPERM && groups.count == 0)
        return 0;
    return fail(context, errno, NULL);
}

int do_set_ids(struct context *context, const struct set_ids *operation) {
    int signal = 0;
    prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return fail(context, errno, NULL);
    if (!operation->keep_groups && set_groups(context, operation->groups) < 0)
        return -1;
    /* by syscall: the C library's own would signal threads, of which there are none */
    if (syscall(SYS_setresgid, operation->gid, operation->gid, operation->gid) < 0)
        return fail(context, errno, NULL);
    if (syscall(SYS_setresuid, operation->uid, operation->uid, operation->uid) < 0)
        return fail(context, errno, NULL);
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    if (signal != 0) /* cleared by the change of ids */
        prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0);
    return 0;
}

int do_set_capabilities(struct context *context, const struct set_capabilities *operation) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (int half = 0; half < 2; half++) {
        data[half].effective = (uint32_t)(operation->effective >> 32 * half);
        data[half].permitted = (uint32_t)(operation->permitted >> 32 * half);
        data[half].inheritable = (uint32_t)(operation->inheritable >> 32 * half);
    }
    if (syscall(SYS_capset, &header, data) < 0)
        return fail(context, errno, NULL);
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return fail(context, errno, NULL);
    for (int cap = 0; cap < 64; cap++)
        if ((operation->ambient >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            return fail(context, errno, NULL);
    return 0;
}

int do_no_new_privileges(struct context *context, const struct no_new_privileges *operation) {
    (void)operation;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? fail(context, errno, NULL) : 0;
}

int do_connect_listener(struct context *context, const struct connect_listener *operation) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(operation->path) >= sizeof address.sun_path)
        return fail(context, ENAMETOOLONG, NULL);
    strcpy(address.sun_path, operation->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(context, errno, NULL);
    /* an agent whose backlog is full would hold us, and whoever waits for us, for ever */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_sec = AGENT_PATIENCE}, sizeof(struct timeval));
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        return fail(context, error, error == EAGAIN ? "the seccomp agent does not answer" : NULL);
    }
    slot_set(context, operation->slot, fd);
    return 0;
}

/* Another listener is on us already (nested), and there can be only one: the filter gives the answers itself, and nobody hears of them. */
static long load_without_listener(const struct load_seccomp *operation) {
    static struct sock_filter code[BPF_MAXINSNS];
    size_t count = operation->program.size / 8;
    if (count > BPF_MAXINSNS)
        return -1;
    memcpy(code, operation->program.data, count * sizeof code[0]);
    bool kills = strcmp(operation->watch, "kill") == 0;
    for (size_t i = 0; i < count; i++)
        if (code[i].code == (BPF_RET | BPF_K) && code[i].k == SECCOMP_RET_USER_NOTIF)
            code[i].k = kills ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | EPERM;
    struct program program = {.length = (unsigned short)count, .code = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, operation->flags & ~(int64_t)SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

int do_load_seccomp(struct context *context, const struct load_seccomp *operation) {
    struct program program = {.length = (unsigned short)(operation->program.size / 8), .code = operation->program.data};
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (unsigned long)operation->flags, &program);
    if (result < 0 && errno == EBUSY && *operation->watch)
        return load_without_listener(operation) < 0 ? fail(context, errno, NULL) : 0;
    if (result < 0)
        return fail(context, errno, NULL);
    if (!(operation->flags & (int64_t)SECCOMP_FILTER_FLAG_NEW_LISTENER))
        return 0;
    /* passed on, not fetched: an unprivileged host may not open what a non-dumpable init holds */
    int asked = ask_host(context, 0, (int)result);
    close((int)result);
    return asked;
}

/* The monitor answers refused calls itself. */
static int watch_denied(struct context *context, int listener, bool kills) {
    int own = listener < 0 ? -1 : fcntl(listener, F_DUPFD_CLOEXEC, 3);
    slot_set(context, SLOT_LISTENER, -1);
    if (own < 0)
        return fail(context, EPROTO, NULL);
    context->monitor.listener = own;
    context->monitor.denied_kills = kills;
    return 0;
}

/* `state` with its holes filled, sent with the listener in one message, as the spec wants it. */
int answer_load_seccomp(struct context *context, const struct load_seccomp *operation, int64_t value) {
    static char text[65536];
    int listener = slot(context, SLOT_LISTENER);
    if (*operation->watch)
        return watch_denied(context, listener, strcmp(operation->watch, "kill") == 0);
    int agent = slot(context, operation->socket);
    (void)value;
    if (listener < 0 || agent < 0)
        return fail(context, EPROTO, NULL);
    fill_holes(context, operation->state, context->adopted >= 0 ? "running" : "creating", text, sizeof text);
    size_t used = strlen(text);
    struct iovec part = {text, used};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
    struct cmsghdr *c = CMSG_FIRSTHDR(&head);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &listener, sizeof listener);
    ssize_t sent = sendmsg(agent, &head, MSG_NOSIGNAL);
    int error = sent < 0 ? errno : (size_t)sent != used ? EIO : 0;
    slot_set(context, SLOT_LISTENER, -1);
    slot_set(context, operation->socket, -1);
    return error ? fail(context, error, "the seccomp agent does not take the listener") : 0;
}
