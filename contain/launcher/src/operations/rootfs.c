#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../mounting.h"
#include "../operation.h"
#include "../roots.h"

#define PROC_MAGIC 0x9fa0
#define PROC_ROOT_INODE 1
#define HOST_LAYERS_MAX 8
#define STATX_MOUNT 0x1000
#define STATX_MOUNT_OFFSET 144 /* of stx_mnt_id in struct statx */

int do_isolate_mounts(struct context *context, const struct isolate_mounts *operation) {
    if (mount("", "/", NULL, MS_REC | (unsigned long)operation->propagation, NULL) < 0)
        return fail(context, errno, NULL);
    return 0;
}

/* A detached clone of the tree at `path`. */
static int open_root(struct context *context, const char *path, bool recursive) {
    struct stat found;
    int tree = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));
    if (tree < 0)
        return fail(context, errno, NULL);
    if (fstat(tree, &found) == 0 && S_ISDIR(found.st_mode))
        return tree;
    close(tree);
    return fail(context, ENOTDIR, NULL);
}

int do_open_root(struct context *context, const struct open_root *operation) {
    int tree = open_root(context, operation->path, operation->recursive);
    if (tree < 0 && context->report.error == EPERM && operation->userns == 0)
        return 0; /* capabilities, but in a mount namespace of others: init does it in its own */
    if (tree < 0)
        return -1;
    slot_set(context, SLOT_ROOT, tree);
    int userns = slot(context, operation->userns);
    struct mount_attributes attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns};
    if (userns >= 0 && sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attributes) < 0)
        return fail(context, errno, NULL);
    return 0;
}

int do_attach_root(struct context *context, const struct attach_root *operation) {
    int tree = slot(context, SLOT_ROOT);
    if (tree < 0) {
        tree = open_root(context, operation->path, operation->recursive);
        if (tree < 0)
            return -1;
        slot_set(context, SLOT_ROOT, tree);
    }
    int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (host < 0)
        return fail(context, errno, NULL);
    slot_set(context, SLOT_HOST_ROOT, host);
    /* Over the root of this namespace: no path of the host has to be walked with the container's ids, and nothing sees it before pivot_root.
     * Only the root's own propagation is as asked, before anything is mounted in it: what happens in a root stays there. */
    const struct change change = {.propagation = (uint64_t)operation->propagation, .propagation_recursive = true};
    if (attach(tree, host) < 0 || change_mount(tree, &change) < 0)
        return fail(context, errno, NULL);
    return 0;
}

int do_enter_root(struct context *context, const struct enter_root *operation) {
    int root = open(operation->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return fail(context, errno, NULL);
    slot_set(context, SLOT_ROOT, root);
    if (fchdir(root) < 0 || chroot(".") < 0)
        return fail(context, errno, NULL);
    return 0;
}

/* Without pivot_root the old root stays below: the file systems through which its kernel could be reached go, or are covered. */
static int drop_kernel_files(int host) {
    static const char *const paths[] = {"proc", "sys"};
    for (size_t i = 0; i < 2; i++) {
        if (fchdir(host) < 0)
            return -1;
        if (umount2(paths[i], MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == ENOENT)
            continue;
        if (mount("tmpfs", paths[i], "tmpfs", MS_RDONLY, "size=0,nr_inodes=1") < 0 && errno != ENOENT)
            return -1;
    }
    return 0;
}

static int enter_without_pivot(int root, int host) {
    if (drop_kernel_files(host) < 0 || fchdir(root) < 0)
        return -1;
    return chroot(".");
}

/* pivot_root(".", "."): the old root comes to lie upon the new one, and goes (pivot_root(2)). umount takes what lies on top first:
 * the layers, if there are any, and at last the old root; once it is gone there is nothing more to take (EINVAL). */
static int enter_by_pivot(int root, int host) {
    int gone = 0;
    if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        return -1;
    if (fchdir(host) < 0 || mount("", ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        return -1;
    while (gone < HOST_LAYERS_MAX && umount2(".", MNT_DETACH) == 0)
        gone++;
    return gone > 0 && errno == EINVAL ? 0 : -1;
}

/* The mount that a path leads to (statx, Linux 5.8); 0 when the kernel does not say. */
static uint64_t mount_of(int folder, const char *path) {
    _Alignas(8) unsigned char found[256] = {0};
    uint32_t mask = 0;
    uint64_t number = 0;
    if (syscall(SYS_statx, folder, path, AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MOUNT, found) < 0)
        return 0;
    memcpy(&mask, found, sizeof mask);
    memcpy(&number, found + STATX_MOUNT_OFFSET, sizeof number);
    return mask & STATX_MOUNT ? number : 0;
}

/* What lies upon a root is seen by `/..`: nothing may. */
static int check_root(struct context *context, int root) {
    if (mount_of(AT_FDCWD, "/..") != mount_of(root, "") || mount_of(AT_FDCWD, "/") != mount_of(root, ""))
        return fail(context, EBUSY, "another root still lies upon the container's");
    return 0;
}

int do_pivot_root(struct context *context, const struct pivot_root *operation) {
    int root = the_root(context);
    int host = slot(context, SLOT_HOST_ROOT);
    if (root < 0)
        return -1;
    int result = operation->pivot ? enter_by_pivot(root, host) : enter_without_pivot(root, host);
    if (result < 0 || chdir("/") < 0)
        return fail(context, errno, NULL);
    slot_set(context, SLOT_HOST_ROOT, -1);
    return check_root(context, root);
}

int do_set_root_propagation(struct context *context, const struct set_root_propagation *operation) {
    if (mount("", "/", NULL, (unsigned long)operation->propagation, NULL) < 0)
        return fail(context, errno, NULL);
    return 0;
}

int do_set_root_readonly(struct context *context, const struct set_root_readonly *operation) {
    (void)operation;
    int root = the_root(context);
    if (root < 0)
        return -1;
    struct change change = {.set = MOUNT_ATTR_RDONLY};
    return change_mount(root, &change) < 0 ? fail(context, errno, NULL) : 0;
}

static bool is_procfs_root(int fd) {
    struct statfs system;
    struct stat found;
    return fstatfs(fd, &system) == 0 && system.f_type == PROC_MAGIC && fstat(fd, &found) == 0 && found.st_ino == PROC_ROOT_INODE;
}

int do_open_proc(struct context *context, const struct open_proc *operation) {
    (void)operation;
    int system = sys_fsopen("proc");
    int fd = -1;
    if (system >= 0 && sys_fsconfig(system, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        fd = sys_fsmount(system, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (system >= 0)
        close(system);
    if (fd < 0 && slot(context, SLOT_ROOT) >= 0)
        fd = root_open_plain(slot(context, SLOT_ROOT), "proc", O_PATH | O_DIRECTORY);
    if (fd >= 0 && !is_procfs_root(fd)) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0)
        slot_set(context, SLOT_PROC, fd); /* who needs it says what is missing */
    return 0;
}
