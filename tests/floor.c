/* The floor: the same system calls as `contain run ROOTFS -- /bin/true` from a warm library, in plain C with fixed arguments, no plan and no
 * checks of what is asked. What the launcher costs above this is its own.
 *   floor ROOTFS FILTER [LIMIT...]     FILTER holds the BPF program; LIMIT is pids or memory: its cgroup is made (v1: one each; v2: one for
 *                                      both), with the guardian and the note that such a run needs so that nothing of it is left */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATE "/run/contain-floor"
#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | 0x80)

static struct group {
    const char *limit;
    char path[96];
    int folder;
    int tasks;
} groups[2];
static int group_count;

static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"},
                                       {"/proc/self/fd/0", "dev/stdin"},
                                       {"/proc/self/fd/1", "dev/stdout"},
                                       {"/proc/self/fd/2", "dev/stderr"},
                                       {"pts/ptmx", "dev/ptmx"}};
static const char *const masked_files[] = {"/proc/interrupts", "/proc/keys", "/proc/timer_list"};
static const char *const masked_folders[] = {"/proc/acpi", "/sys/firmware"};
static const char *const readonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"};
static void need(int ok, const char *what) {
    if (!ok) {
        perror(what);
        _exit(125);
    }
}

static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    need(fd >= 0 && write(fd, text, strlen(text)) > 0, path);
    close(fd);
}

static void put_pid(pid_t pid, const char *file, const char *text) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    put(path, text);
}

static pid_t clone_in(uint64_t flags, int *pidfd) {
    struct clone_args args = {.flags = flags | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD};
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static pid_t guardian(void) {
    int pidfd;
    pid_t pid = clone_in(CLONE_FILES, &pidfd);
    if (pid == 0) {
        setsid();
        pause();
        _exit(0);
    }
    setpgid(pid, pid);
    return pid;
}

static int make_note(void) {
    static const char lines[] = "cgroup /sys/fs/cgroup/memory/contain-0123456789ab\n";
    need(mkdir(STATE, 0700) == 0 || errno == EEXIST, STATE);
    int fd = open(STATE "/.note", O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    need(fd >= 0 && flock(fd, LOCK_EX) == 0, "note");
    for (int i = 0; i < 3; i++)
        need(write(fd, lines, sizeof lines - 1) > 0, "note");
    return fd;
}

static void make_groups(int count, char **limits) {
    struct stat found;
    bool v1 = stat("/sys/fs/cgroup/pids", &found) == 0;
    for (int i = 0; i < count && (v1 || i == 0); i++) {
        struct group *group = &groups[group_count++];
        group->limit = limits[i];
        snprintf(group->path, sizeof group->path, "/sys/fs/cgroup/%s%scontain-floor", v1 ? limits[i] : "", v1 ? "/" : "");
        need(mkdir(group->path, 0755) == 0, group->path);
        group->folder = open(group->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        group->tasks = openat(group->folder, v1 ? "tasks" : "cgroup.procs", O_WRONLY | O_CLOEXEC);
        need(group->tasks >= 0, group->path);
    }
}

static void put_at(int folder, const char *file, const char *text) {
    int fd = openat(folder, file, O_WRONLY | O_CLOEXEC);
    need(fd >= 0 && write(fd, text, strlen(text)) > 0, file);
    close(fd);
}

static void set_limits(int count, char **limits) {
    for (int i = 0; i < count; i++) {
        const struct group *group = &groups[i < group_count ? i : 0];
        bool v2 = faccessat(group->folder, "cgroup.events", F_OK, 0) == 0;
        if (strcmp(limits[i], "pids") == 0)
            put_at(group->folder, "pids.max", "64");
        else
            put_at(group->folder, v2 ? "memory.max" : "memory.limit_in_bytes", "67108864");
    }
}

static void remove_groups(void) {
    char text[4096];
    while (group_count-- > 0) {
        struct group *group = &groups[group_count];
        int fd = openat(group->folder, "cgroup.procs", O_RDONLY | O_CLOEXEC);
        need(read(fd, text, sizeof text) == 0, "left over");
        close(fd);
        close(group->tasks);
        close(group->folder);
        while (rmdir(group->path) < 0 && errno == EBUSY)
            ;
    }
}

static int open_tree_of(const char *rootfs) {
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, rootfs, 1 /* clone */ | O_CLOEXEC | 0x8000);
    need(tree >= 0, rootfs);
    return tree;
}

/* By the user namespace of the container, whose map is written. */
static void show_idmapped(int tree, pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    int userns = open(path, O_RDONLY | O_CLOEXEC);
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns};
    need(syscall(SYS_mount_setattr, tree, "", 0x1000 | 0x8000, &attributes, sizeof attributes) == 0, "idmap");
    close(userns);
}

static void bind_over(const char *from, const char *to) {
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, from, 1 | O_CLOEXEC);
    need(tree >= 0 && syscall(SYS_move_mount, tree, "", AT_FDCWD, to, 4) == 0, to);
    close(tree);
}

static void mount_all(int tree) {
    need(mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) == 0, "slave");
    need(syscall(SYS_move_mount, tree, "", AT_FDCWD, "/tmp", 4) == 0 && chdir("/tmp") == 0, "root");
    need(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "proc");
    need(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=65536k") == 0, "dev");
    mkdir("dev/pts", 0755);
    need(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620") == 0, "pts");
    mkdir("dev/shm", 0755);
    need(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=65536k") == 0, "shm");
    mkdir("dev/mqueue", 0755);
    need(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "mqueue");
    need(mount("sysfs", "sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "sys");
    need(mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=50%") == 0, "tmp");
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        char from[32], to[32];
        snprintf(from, sizeof from, "/dev/%s", devices[i]);
        snprintf(to, sizeof to, "dev/%s", devices[i]);
        close(open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        bind_over(from, to);
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        need(symlink(links[i][0], links[i][1]) == 0, links[i][1]);
}

static void pivot_and_mask(void) {
    need(syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 && chdir("/") == 0, "pivot");
    need(sethostname("contain", 7) == 0, "hostname");
    for (size_t i = 0; i < sizeof masked_files / sizeof *masked_files; i++)
        if (access(masked_files[i], F_OK) == 0)
            bind_over("/dev/null", masked_files[i]);
    for (size_t i = 0; i < sizeof masked_folders / sizeof *masked_folders; i++)
        if (access(masked_folders[i], F_OK) == 0)
            need(mount("tmpfs", masked_folders[i], "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, masked_folders[i]);
    for (size_t i = 0; i < sizeof readonly / sizeof *readonly; i++) {
        struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
        bind_over(readonly[i], readonly[i]);
        need(syscall(SYS_mount_setattr, AT_FDCWD, readonly[i], 0, &attributes, sizeof attributes) == 0, readonly[i]);
    }
}

static void lock_down(const struct sock_fprog *filter) {
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    syscall(SYS_keyctl, 1 /* join session */, NULL);
    prctl(PR_SET_DUMPABLE, 0);
    for (int cap = 0; cap <= 40; cap++)
        prctl(PR_CAPBSET_DROP, cap);
    need(syscall(SYS_setresgid, 0, 0, 0) == 0 && syscall(SYS_setresuid, 0, 0, 0) == 0, "ids");
    need(syscall(SYS_capset, &head, none) == 0, "capset");
    need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) == 0, "filter");
}

static void child(int channel, int tree, const struct sock_fprog *filter) {
    char byte;
    char *argv[] = {"/bin/true", NULL};
    char *env[] = {"PATH=/bin", NULL};
    int status;
    need(read(channel, &byte, 1) == 1, "go");
    need(syscall(SYS_setresgid, 0, 0, 0) == 0 && syscall(SYS_setresuid, 0, 0, 0) == 0, "root");
    for (int i = 0; i < group_count; i++)
        need(write(groups[i].tasks, "0", 1) == 1, "tasks");
    setsid();
    need(unshare(CLONE_NEWCGROUP) == 0, "cgroup");
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ioctl(s, SIOCSIFFLAGS, &lo);
    close(s);
    mount_all(tree);
    if (group_count > 0)
        need(write(channel, "h", 1) == 1 && read(channel, &byte, 1) == 1, "limits");
    pivot_and_mask();
    lock_down(filter);
    need(write(channel, "l", 1) == 1 && read(channel, &byte, 1) == 1, "locked");
    pid_t program = vfork();
    if (program == 0) {
        syscall(SYS_close_range, 3, ~0U, 0);
        execve(argv[0], argv, env);
        _exit(127);
    }
    waitpid(program, &status, 0);
    kill(-1, SIGKILL);
    _exit(WEXITSTATUS(status));
}

int main(int argc, char **argv) {
    static struct sock_filter code[4096];
    struct sock_fprog filter = {0, code};
    int ends[2], pidfd, status;
    int note = -1;
    char byte;
    pid_t twin = 0;
    need(argc > 2 && argc < 6, "usage: floor ROOTFS FILTER [pids] [memory]");
    int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    filter.len = (unsigned short)(read(fd, code, sizeof code) / (ssize_t)sizeof *code);
    close(fd);
    if (argc > 3) {
        twin = guardian();
        note = make_note();
    }
    int tree = open_tree_of(argv[1]);
    make_groups(argc - 3, argv + 3);
    need(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "channel");
    pid_t pid = clone_in(NAMESPACES, &pidfd);
    if (pid == 0)
        child(ends[1], tree, &filter);
    close(ends[1]);
    put_pid(pid, "gid_map", "0 65534 1\n");
    put_pid(pid, "uid_map", "0 65534 1\n");
    show_idmapped(tree, pid);
    need(write(ends[0], "g", 1) == 1, "go");
    if (argc > 3) {
        need(read(ends[0], &byte, 1) == 1, "prepare");
        set_limits(argc - 3, argv + 3);
        need(write(ends[0], "g", 1) == 1, "limits");
    }
    need(read(ends[0], &byte, 1) == 1 && write(ends[0], "g", 1) == 1, "lock");
    waitpid(pid, &status, 0);
    if (argc > 3) {
        remove_groups();
        unlink(STATE "/.note");
        close(note);
        kill(twin, SIGKILL);
        waitpid(twin, NULL, 0);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
