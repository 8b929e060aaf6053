/* Who belongs to a container that has neither a cgroup nor a pid namespace: whoever's user namespace is the container's, or lies in it. No
 * process leaves its user namespace but for one inside it, whatever it forks; and none of another container's is in one that was made for
 * this one. Our descriptor keeps the namespace, so its number stands for no other. */
#include "members.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel_calls.h"
#include "operation.h"
#include "paths.h"

#ifndef NS_GET_PARENT
#define NS_GET_PARENT 0xb702
#endif
#define NESTING 33 /* user namespaces, one in the other: the kernel's limit */
#define PAUSE 1    /* ms between two looks: what was killed needs the processor to die */

/* As getdents64(2) has it. */
struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static bool is_same(int one, const struct stat *other) {
    struct stat st;
    return fstat(one, &st) == 0 && st.st_dev == other->st_dev && st.st_ino == other->st_ino;
}

int members_open(pid_t pid) {
    char number[16];
    char path[48];
    struct stat own;
    format_number(number, sizeof number, pid);
    join_words(path, sizeof path, (const char *const[]){"/proc/", number, "/ns/user", NULL});
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && (stat("/proc/self/ns/user", &own) < 0 || is_same(fd, &own))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* `process` is /proc/PID. The kernel shows us no namespace above our own: the search ends there. */
static bool lies_in(int process, const struct stat *namespace) {
    int fd = openat(process, "ns/user", O_RDONLY | O_CLOEXEC);
    bool found = false;
    for (int level = 0; fd >= 0 && level < NESTING; level++) {
        found = is_same(fd, namespace);
        int parent = found ? -1 : ioctl(fd, NS_GET_PARENT);
        close(fd);
        fd = parent;
    }
    if (fd >= 0)
        close(fd);
    return found;
}

/* Dead, but not waited for. The first thread may end before the others: then it is a zombie, and not the last one. */
static bool is_dead(int process) {
    char text[1024];
    if (read_file_at(process, "stat", text, sizeof text) <= 0)
        return true;
    char *at = strrchr(text, ')');
    if (!at || at[1] != ' ')
        return true;
    char state = at[2];
    for (int field = 2; field < 20 && at; field++)
        at = strchr(at + 1, ' ');
    return (state == 'Z' || state == 'X') && (!at || strtol(at + 1, NULL, 10) <= 1);
}

/* The descriptor of /proc/PID stands for that process alone, and the kernel takes it for a pidfd: what was looked at is what is signalled. One
 * that is gone when we look may have left a child behind that we have passed already: it counts. */
static bool signal_member(int proc, const char *pid, const struct stat *namespace, int number) {
    int process = openat(proc, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process < 0)
        return true;
    bool member = lies_in(process, namespace) && !is_dead(process) && sys_pidfd_send_signal(process, number) == 0;
    close(process);
    return member;
}

/* How many there were. Few entries at a time, so that none is old when we come to it: processes may live for less than a millisecond. */
static int signal_all(const struct stat *namespace, int number) {
    char entries[256] __attribute__((aligned(8)));
    int count = 0;
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (long size; proc >= 0 && (size = syscall(SYS_getdents64, proc, entries, sizeof entries)) > 0;) {
        for (long at = 0; at < size;) {
            const char *name = entries + at + offsetof(struct entry, name);
            if (name[0] >= '1' && name[0] <= '9')
                count += signal_member(proc, name, namespace, number);
            at += ((const struct entry *)(const void *)(entries + at))->length;
        }
    }
    if (proc >= 0)
        close(proc);
    return count;
}

bool members_kill(int namespace, int patience) {
    struct stat st;
    struct stat own;
    if (namespace < 0 || fstat(namespace, &st) < 0 || stat("/proc/self/ns/user", &own) < 0 || is_same(namespace, &own))
        return true;
    for (int waited = 0; patience < 0 || waited <= patience; waited += PAUSE) {
        int stopped = signal_all(&st, SIGSTOP); /* first: whoever stands still forks nothing, and takes no processor from us */
        if (signal_all(&st, SIGKILL) == 0 && stopped == 0)
            return true;
        poll(NULL, 0, PAUSE);
    }
    return false;
}
