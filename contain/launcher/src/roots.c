#include "roots.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel_calls.h"

#define LINKS_MAX 40
#define RACES_MAX 128

/* A rename elsewhere on the host makes the kernel give up with EAGAIN: it wants to be asked again. */
static int open_within(int root, const char *path, int flags, uint64_t resolve) {
    int fd = -1;
    if (path[0] == 0 || strcmp(path, "/") == 0)
        path = ".";
    for (int i = 0; i < RACES_MAX; i++) {
        fd = sys_openat2(root, path, (uint64_t)(flags | O_CLOEXEC), 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd;
}

int root_open(int root, const char *path, int flags) {
    return open_within(root, path, flags, 0);
}

int root_open_plain(int root, const char *path, int flags) {
    return open_within(root, path, flags, RESOLVE_NO_SYMLINKS);
}

/* What is to be made, while links that lead nowhere yet are replaced by their targets. */
struct walk {
    char path[PATH_MAX];
    int links;
};

/* The part at `start` (its length in `length`) is a dangling link of `folder`: what it says takes its place. */
static int replace_link(struct walk *walk, int folder, size_t start, size_t length) {
    char target[PATH_MAX];
    char rest[PATH_MAX];
    char name[NAME_MAX + 1];
    if (++walk->links > LINKS_MAX) {
        errno = ELOOP;
        return -1;
    }
    memcpy(name, walk->path + start, length);
    name[length] = 0;
    ssize_t got = readlinkat(folder, name, target, sizeof target - 1);
    if (got < 0)
        return -1;
    target[got] = 0;
    strcpy(rest, walk->path + start + length);
    size_t kept = target[0] == '/' ? 0 : start;
    if (kept + (size_t)got + strlen(rest) + 1 > sizeof walk->path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(walk->path + kept, target, (size_t)got);
    strcpy(walk->path + kept + got, rest);
    return 0;
}

/* Makes one part below `folder`. Its descriptor; -1 with errno, ELOOP when a link stands there. */
static int make_part(int folder, const char *name, enum root_kind kind, mode_t mode) {
    struct stat found;
    if (strcmp(name, "..") == 0) {
        errno = ENOENT;
        return -1;
    }
    if (kind == ROOT_FOLDER && mkdirat(folder, name, mode) < 0 && errno != EEXIST)
        return -1;
    if (kind == ROOT_FILE) {
        int made = openat(folder, name, O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, mode);
        if (made < 0 && errno != EEXIST)
            return -1;
        if (made >= 0)
            close(made);
    }
    int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) < 0)
        return fd;
    if (S_ISLNK(found.st_mode)) {
        close(fd);
        errno = ELOOP;
        return -1;
    }
    return fd;
}

/* One pass over walk->path. A descriptor; -1 with errno; -2: a link was replaced, start again. */
static int make_pass(int root, struct walk *walk, enum root_kind kind, mode_t mode) {
    char name[NAME_MAX + 1];
    int folder = root_open(root, "/", O_PATH | O_DIRECTORY);
    size_t at = 0;
    while (folder >= 0) {
        at += strspn(walk->path + at, "/");
        size_t length = strcspn(walk->path + at, "/");
        if (length == 0)
            return folder;
        if (length > NAME_MAX) {
            close(folder);
            errno = ENAMETOOLONG;
            return -1;
        }
        char *end = walk->path + at + length;
        bool last = end[strspn(end, "/")] == 0;
        char saved = *end;
        *end = 0;
        int next = root_open(root, walk->path, O_PATH); /* through links and into mounts, as the container would */
        strcpy(name, walk->path + at);
        *end = saved;
        if (next < 0 && errno == ENOENT)
            next = make_part(folder, name, last ? kind : ROOT_FOLDER, last ? mode : 0755);
        if (next < 0 && errno == ELOOP) {
            int replaced = replace_link(walk, folder, at, length);
            close(folder);
            return replaced < 0 ? -1 : -2;
        }
        int error = errno;
        close(folder);
        errno = error;
        folder = next;
        at += length;
    }
    return -1;
}

int root_make(int root, const char *path, enum root_kind kind, mode_t mode) {
    struct walk walk = {.links = 0};
    int fd = root_open(root, path, O_PATH);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (strlen(path) >= sizeof walk.path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(walk.path, path);
    do
        fd = make_pass(root, &walk, kind, mode);
    while (fd == -2);
    return fd;
}

int root_parent(int root, const char *path, const char **name) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    *name = slash ? slash + 1 : path;
    if (**name == 0 || length >= sizeof folder) {
        errno = **name == 0 ? EINVAL : ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, path, length);
    folder[length] = 0;
    return root_make(root, folder, ROOT_FOLDER, 0755);
}

/* A folder on a file, or a file on a folder, is EINVAL here, which may mean much else: mount(2)'s word for it is ENOTDIR. */
static int unlike(int tree, int target) {
    struct stat shown;
    struct stat place;
    bool known = fstat(tree, &shown) == 0 && fstat(target, &place) == 0;
    return known && S_ISDIR(shown.st_mode) != S_ISDIR(place.st_mode) ? ENOTDIR : EINVAL;
}

int attach(int tree, int target) {
    int result = sys_move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    if (result < 0 && errno == EINVAL)
        errno = unlike(tree, target);
    return result;
}

int clone_tree(int fd, bool recursive) {
    return sys_open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0));
}

bool is_character_device(int fd, unsigned major_number, unsigned minor_number) {
    struct stat found;
    return fstat(fd, &found) == 0 && S_ISCHR(found.st_mode) && found.st_rdev == makedev(major_number, minor_number);
}

int the_root(struct context *context) {
    int root = slot(context, SLOT_ROOT);
    if (root < 0)
        fail(context, ENOENT, "the container has no root");
    return root;
}
