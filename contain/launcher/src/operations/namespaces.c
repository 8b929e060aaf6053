#include <linux/if.h>
#include <sched.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"
#include "../paths.h"

#ifndef NS_GET_NSTYPE
#define NS_GET_NSTYPE 0xb703
#endif

/* A setting of the namespaces of this kind, which the plan will write. */
static bool writes_sysctl(const struct context *context, int64_t flag) {
    struct cursor operations = plan_operations(&context->plan);
    struct operation_head head = {0};
    struct write_sysctl setting;
    while (plan_next(&operations, &head)) {
        if (head.kind != OPERATION_WRITE_SYSCTL || !take_write_sysctl(&head.fields, &setting))
            continue;
        int kind = strncmp(setting.path, "net/", 4) == 0            ? CLONE_NEWNET
                   : strncmp(setting.path, "user/", 5) == 0         ? CLONE_NEWUSER
                   : strcmp(setting.path, "kernel/domainname") == 0 ? CLONE_NEWUTS
                                                                    : CLONE_NEWIPC;
        if (kind == flag)
            return true;
    }
    return false;
}

/* Whether it is the one that we live in ourselves. */
static bool is_own(int fd, int64_t flag) {
    const char *path = flag == CLONE_NEWNET    ? "/proc/self/ns/net"
                       : flag == CLONE_NEWUSER ? "/proc/self/ns/user"
                       : flag == CLONE_NEWUTS  ? "/proc/self/ns/uts"
                                               : "/proc/self/ns/ipc";
    struct stat it;
    struct stat ours;
    return fstat(fd, &it) == 0 && stat(path, &ours) == 0 && it.st_dev == ours.st_dev && it.st_ino == ours.st_ino;
}

int do_open_namespace(struct context *context, const struct open_namespace *operation) {
    int fd = open(operation->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail(context, errno, NULL);
    if (ioctl(fd, NS_GET_NSTYPE) != (int)operation->flag) {
        close(fd);
        return fail(context, EINVAL, "it is no namespace of this type");
    }
    if (writes_sysctl(context, operation->flag) && is_own(fd, operation->flag)) {
        close(fd);
        return fail(context, EPERM, "it is the host's, which a sysctl would change");
    }
    slot_set(context, operation->slot, fd);
    return 0;
}

int do_enter_namespace(struct context *context, const struct enter_namespace *operation) {
    int fd = slot(context, operation->slot);
    if (fd < 0)
        return 0; /* the first try went well */
    if (setns(fd, (int)operation->flag) < 0)
        return operation->optional && errno == EPERM ? 0 : fail(context, errno, NULL);
    slot_set(context, operation->slot, -1);
    return 0;
}

int do_unshare(struct context *context, const struct unshare *operation) {
    if (syscall(SYS_unshare, (unsigned long)operation->flags) < 0)
        return fail(context, errno, NULL);
    return 0;
}

static int open_map_folder(const struct context *context) {
    char number[16];
    char path[32];
    format_number(number, sizeof number, context->map_pid);
    join_words(path, sizeof path, (const char *const[]){"/proc/", number, NULL});
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* A setuid helper writes the map: its words are the pid, then three numbers a line. */
static int run_helper(struct context *context, const char *helper, const char *lines) {
    char words[4096];
    char pid[16];
    char *argv[3 * 340 + 3];
    size_t count = 0;
    if (strlen(lines) >= sizeof words)
        return fail(context, E2BIG, NULL);
    strcpy(words, lines);
    format_number(pid, sizeof pid, context->map_pid);
    argv[count++] = (char *)helper;
    argv[count++] = pid;
    char *rest = NULL;
    for (char *word = strtok_r(words, " \n", &rest); word && count < 3 * 340; word = strtok_r(NULL, " \n", &rest))
        argv[count++] = word;
    argv[count] = NULL;
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *environment[] = {path, NULL};
    pid_t child;
    int status = 0;
    int error = posix_spawn(&child, helper, NULL, NULL, argv, environment);
    if (error)
        return fail(context, error, NULL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? 0 : fail(context, EPERM, "the helper refused: the ranges must be yours in /etc/subuid and /etc/subgid");
}

int do_write_id_map(struct context *context, const struct write_id_map *operation) {
    int folder = open_map_folder(context);
    if (folder < 0)
        return fail(context, errno, NULL);
    int error = 0;
    if (operation->deny_setgroups)
        error = write_file_at(folder, "setgroups", "deny");
    if (error == 0 && operation->helper[0] == 0)
        error = write_file_at(folder, operation->file, operation->lines);
    close(folder);
    if (error)
        return fail(context, error, NULL);
    return operation->helper[0] ? run_helper(context, operation->helper, operation->lines) : 0;
}

int do_write_time_offsets(struct context *context, const struct write_time_offsets *operation) {
    int folder = open_map_folder(context);
    if (folder < 0)
        return fail(context, errno, NULL);
    int error = write_file_at(folder, "timens_offsets", operation->lines);
    close(folder);
    return error ? fail(context, error, NULL) : 0;
}

int do_become_root(struct context *context, const struct become_root *operation) {
    (void)operation;
    if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
        return fail(context, errno, NULL);
    return 0;
}

int do_set_hostname(struct context *context, const struct set_hostname *operation) {
    if (sethostname(operation->name, strlen(operation->name)) < 0)
        return fail(context, errno, NULL);
    return 0;
}

int do_set_domainname(struct context *context, const struct set_domainname *operation) {
    if (syscall(SYS_setdomainname, operation->name, strlen(operation->name)) < 0)
        return fail(context, errno, NULL);
    return 0;
}

/* A path below a folder has no part that leads elsewhere. */
static bool climbs(const char *path) {
    for (const char *part = path; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        size_t size = strcspn(part, "/");
        if (size == 0 || (size == 1 && part[0] == '.') || (size == 2 && part[0] == '.' && part[1] == '.'))
            return true;
    }
    return false;
}

int do_write_sysctl(struct context *context, const struct write_sysctl *operation) {
    int proc = slot(context, SLOT_PROC);
    if (proc < 0)
        return fail(context, ENOENT, "no procfs of the container is mounted on /proc");
    int folder = sys_openat2(proc, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
    if (folder < 0)
        return fail(context, errno, NULL);
    int error = climbs(operation->path) ? EINVAL : write_file_at(folder, operation->path, operation->value);
    close(folder);
    return error ? fail(context, error, NULL) : 0;
}

int do_loopback_up(struct context *context, const struct loopback_up *operation) {
    struct ifreq request = {.ifr_name = "lo"};
    (void)context;
    (void)operation;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    (void)!ioctl(fd, SIOCSIFFLAGS, &request); /* best effort: refused in some nested set-ups */
    close(fd);
    return 0;
}
