/* tmpcopyup: what a new file system hides is copied into it. */
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel_calls.h"
#include "mounting.h"

#define DEPTH_MAX 64

struct linux_dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};

struct entry {
    int from;
    int to;
    const char *name;
    struct stat found;
};

static int copy_bytes(const struct entry *entry) {
    int in = openat(entry->from, entry->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (in < 0)
        return -1;
    int out = openat(entry->to, entry->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    ssize_t done = out < 0 ? -1 : 1;
    while (done > 0)
        done = sendfile(out, in, NULL, 1 << 20);
    int error = errno;
    close(in);
    if (out >= 0)
        close(out);
    errno = error;
    return done < 0 ? -1 : 0;
}

static int copy_link(const struct entry *entry) {
    char target[PATH_MAX];
    ssize_t got = readlinkat(entry->from, entry->name, target, sizeof target - 1);
    if (got < 0)
        return -1;
    target[got] = 0;
    return symlinkat(target, entry->to, entry->name);
}

/* Owner, mode, times: in this order, since chown clears set-uid bits. */
static int copy_facts(const struct entry *entry) {
    const struct timespec times[2] = {entry->found.st_atim, entry->found.st_mtim};
    if (fchownat(entry->to, entry->name, entry->found.st_uid, entry->found.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (!S_ISLNK(entry->found.st_mode) && fchmodat(entry->to, entry->name, entry->found.st_mode & 07777, 0) < 0)
        return -1;
    return utimensat(entry->to, entry->name, times, AT_SYMLINK_NOFOLLOW);
}

static int copy_folder(int from, int to, int depth);

static int copy_below(const struct entry *entry, int depth) {
    if (mkdirat(entry->to, entry->name, 0700) < 0)
        return -1;
    int from = openat(entry->from, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int to = openat(entry->to, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from >= 0 && to >= 0)
        return copy_folder(from, to, depth + 1); /* closes both */
    int error = errno;
    close(from >= 0 ? from : to);
    errno = error;
    return -1;
}

static int copy_entry(const struct entry *entry, int depth) {
    int result;
    if (S_ISDIR(entry->found.st_mode))
        result = copy_below(entry, depth);
    else if (S_ISREG(entry->found.st_mode))
        result = copy_bytes(entry);
    else if (S_ISLNK(entry->found.st_mode))
        result = copy_link(entry);
    else
        result = mknodat(entry->to, entry->name, entry->found.st_mode & (S_IFMT | 07777), entry->found.st_rdev);
    if (result < 0 && errno == EPERM && (S_ISCHR(entry->found.st_mode) || S_ISBLK(entry->found.st_mode)))
        return 0; /* a user namespace may make no devices */
    return result < 0 ? -1 : copy_facts(entry);
}

static int copy_name(int from, int to, const char *name, int depth) {
    struct entry entry = {.from = from, .to = to, .name = name};
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    return fstatat(from, name, &entry.found, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : copy_entry(&entry, depth);
}

/* Closes both descriptors. */
static int copy_folder(int from, int to, int depth) {
    _Alignas(struct linux_dirent64) char buffer[4096];
    long got = depth > DEPTH_MAX ? -1 : 1;
    int error = depth > DEPTH_MAX ? ELOOP : 0;
    while (got > 0 && !error) {
        got = syscall(SYS_getdents64, from, buffer, sizeof buffer);
        error = got < 0 ? errno : 0;
        for (long at = 0; at < got && !error;) {
            const struct linux_dirent64 *found = (const struct linux_dirent64 *)(const void *)(buffer + at);
            error = copy_name(from, to, found->d_name, depth) < 0 ? errno : 0;
            at += found->d_reclen;
        }
    }
    close(from);
    close(to);
    errno = error;
    return error ? -1 : 0;
}

int copy_tree(int from, int to) {
    int source = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int target = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source >= 0 && target >= 0)
        return copy_folder(source, target, 0);
    int error = errno;
    if (source >= 0)
        close(source);
    if (target >= 0)
        close(target);
    errno = error;
    return -1;
}
