#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../mounting.h"
#include "../operation.h"
#include "../roots.h"

static mode_t type_of(const char *kind) {
    return kind[0] == 'b' ? S_IFBLK : kind[0] == 'p' ? S_IFIFO : S_IFCHR;
}

/* A descriptor of the file `name`, made when missing; links are refused, a container's image may hold them. */
static int plain_file(int folder, const char *name, mode_t mode) {
    struct stat found;
    int made = openat(folder, name, O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, mode);
    if (made >= 0 || errno != EEXIST)
        return made;
    int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &found) == 0 && S_ISLNK(found.st_mode)) {
        close(fd);
        errno = ELOOP;
        return -1;
    }
    return fd;
}

static int show_on(struct context *context, int tree, int folder, const char *name, mode_t mode) {
    int target = plain_file(folder, name, mode);
    int result = target < 0 || attach(tree, target) < 0 ? fail(context, errno, NULL) : 0;
    if (target >= 0)
        close(target);
    return result;
}

/* The host's node in place of one that may not be made; it must be the device that is meant. */
static int show_device(struct context *context, const struct make_device *operation, int folder, const char *name) {
    struct stat found;
    int tree = sys_open_tree(AT_FDCWD, operation->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return fail_with(context, errno, "the host's own device");
    bool same = fstat(tree, &found) == 0 && (found.st_mode & S_IFMT) == type_of(operation->kind) &&
                found.st_rdev == makedev((unsigned)operation->major, (unsigned)operation->minor);
    int result =
        same ? show_on(context, tree, folder, name, 0666) : fail(context, ENODEV, "the host's file of this name is another device");
    close(tree);
    return result;
}

static bool is_made(const struct make_device *operation, int folder, const char *name) {
    struct stat found;
    return fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && (found.st_mode & S_IFMT) == type_of(operation->kind) &&
           (operation->kind[0] == 'p' || found.st_rdev == makedev((unsigned)operation->major, (unsigned)operation->minor));
}

static int make_node(struct context *context, const struct make_device *operation, int folder, const char *name) {
    dev_t device = operation->kind[0] == 'p' ? 0 : makedev((unsigned)operation->major, (unsigned)operation->minor);
    if (mknodat(folder, name, type_of(operation->kind) | (mode_t)(operation->mode & 07777), device) < 0) {
        if (errno == EEXIST && is_made(operation, folder, name))
            return 0;
        bool refused = errno == EPERM || errno == EEXIST || errno == EROFS;
        if (refused && operation->source[0])
            return show_device(context, operation, folder, name);
        return fail(context, errno, NULL);
    }
    if (fchownat(folder, name, (uid_t)operation->uid, (gid_t)operation->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(context, errno, NULL);
    return 0;
}

int do_make_device(struct context *context, const struct make_device *operation) {
    const char *name;
    int root = the_root(context);
    int folder = root < 0 ? -1 : root_parent(root, operation->path, &name);
    if (root < 0)
        return -1;
    if (folder < 0)
        return fail(context, errno, NULL);
    int result = operation->bind ? show_device(context, operation, folder, name) : make_node(context, operation, folder, name);
    close(folder);
    return result;
}

/* A link to what the container does not have would lead nowhere: /dev/fd needs /proc. */
static bool is_needed(int root, const char *target) {
    if (target[0] != '/')
        return true;
    int fd = root_open(root, target, O_PATH | O_NOFOLLOW);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

int do_make_link(struct context *context, const struct make_link *operation) {
    const char *name;
    int root = the_root(context);
    if (root < 0)
        return -1;
    if (!operation->dangling && !is_needed(root, operation->target))
        return 0;
    int folder = root_parent(root, operation->path, &name);
    if (folder < 0)
        return fail(context, errno, NULL);
    int result = symlinkat(operation->target, folder, name);
    if (result < 0 && errno == EEXIST)
        result = !operation->replace ? 0 : unlinkat(folder, name, 0) < 0 ? -1 : symlinkat(operation->target, folder, name);
    int error = errno;
    close(folder);
    return result < 0 ? fail(context, error, NULL) : 0;
}
