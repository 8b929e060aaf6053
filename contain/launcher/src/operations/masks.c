/* Masked and read-only paths: before the root changes, so that the host's own /dev/null is at hand. */
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../mounting.h"
#include "../operation.h"
#include "../roots.h"

#define SEALED (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

#define SYSFS_MAGIC 0x62656572 /* linux/magic.h */
#define NOTHING (-2)

/* The path inside the root; NOTHING when there is none and so nothing to do, -1 after fail(). */
static int open_path(struct context *context, const char *path, bool lenient) {
    int root = the_root(context);
    if (root < 0)
        return -1;
    int fd = root_open(root, path, O_PATH);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT || errno == ENOTDIR || (lenient && errno == EACCES))
        return NOTHING;
    return fail(context, errno, NULL);
}

/* CVE-2025-31133: what hides a file is the real null device, checked on the very descriptor that is mounted. */
static int null_device(struct context *context) {
    int tree = sys_open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree >= 0 && is_character_device(tree, 1, 3))
        return tree;
    if (tree < 0)
        return fail_with(context, errno, "the host's /dev/null");
    close(tree);
    return fail(context, ENODEV, "the host's /dev/null is no null device");
}

/* In a sysfs, where the kernel keeps a place for mounts in which nothing can be made, and no mount is on it. -1: not in this container. */
static int folder_of_sysfs(int root) {
    static const struct change sealed = {.set = SEALED};
    struct statfs found;
    int folder = root_open_plain(root, "sys/fs/cgroup", O_PATH | O_DIRECTORY);
    int tree = folder >= 0 && fstatfs(folder, &found) == 0 && found.f_type == SYSFS_MAGIC ? clone_tree(folder, false) : -1;
    if (folder >= 0)
        close(folder);
    if (tree >= 0 && change_mount(tree, &sealed) < 0) {
        close(tree);
        return -1;
    }
    return tree;
}

static int empty_filesystem(void) {
    char why[256];
    int tree = make_filesystem("tmpfs", "tmpfs", (struct texts){0, ""}, SEALED, why, sizeof why);
    if (tree >= 0)
        (void)!fchmodat(tree, ".", 0555, 0);
    return tree;
}

/* All hidden folders show one and the same empty one: the first is kept, attached, in `slot`. Not on a file system of its own where there is
 * another: the kernel looks at each one of the machine whenever a memory cgroup goes, 3 ms of them beside a thousand containers. */
static int empty_folder(struct context *context, int64_t number) {
    int known = slot(context, number);
    int tree = known >= 0 ? clone_tree(known, false) : folder_of_sysfs(the_root(context));
    if (tree < 0 && known < 0)
        tree = empty_filesystem();
    if (tree < 0)
        return fail(context, errno, NULL);
    if (known < 0)
        slot_set(context, number, fcntl(tree, F_DUPFD_CLOEXEC, 3));
    return tree;
}

int mask_below(struct context *context, int tree, struct texts paths) {
    const char *path = paths.first;
    for (uint32_t i = 0; i < paths.count; i++, path = texts_next(path)) {
        int target = root_open_plain(tree, path, O_PATH);
        if (target < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
            continue; /* gone, or out of reach for the container's own root */
        if (target < 0)
            return fail_with(context, errno, path);
        int null = null_device(context);
        int result = null < 0 ? -1 : attach(null, target) < 0 && errno != ENOENT /* gone meanwhile */ ? fail_with(context, errno, path) : 0;
        if (null >= 0)
            close(null);
        close(target);
        if (result < 0)
            return -1;
    }
    return 0;
}

int do_mask_path(struct context *context, const struct mask_path *operation) {
    struct stat found;
    int target = open_path(context, operation->path, operation->lenient);
    if (target < 0)
        return target == NOTHING ? 0 : -1;
    if (fstat(target, &found) < 0) {
        close(target);
        return fail(context, errno, NULL);
    }
    int tree = S_ISDIR(found.st_mode) ? empty_folder(context, operation->slot) : null_device(context);
    int result = tree < 0 ? -1 : attach(tree, target) < 0 ? fail(context, errno, NULL) : 0;
    if (tree >= 0)
        close(tree);
    close(target);
    return result;
}

int do_readonly_path(struct context *context, const struct readonly_path *operation) {
    const struct change change = {.recursive_set = MOUNT_ATTR_RDONLY};
    int target = open_path(context, operation->path, false);
    if (target < 0)
        return target == NOTHING ? 0 : -1;
    const struct change alone = {.set = MOUNT_ATTR_RDONLY}; /* before 5.12: the first mount of several */
    int tree = clone_tree(target, true);
    int result =
        tree < 0 || attach(tree, target) < 0 || (change_mount(tree, &change) < 0 && (errno != ENOSYS || change_mount(tree, &alone) < 0))
            ? fail(context, errno, NULL)
            : 0;
    if (tree >= 0)
        close(tree);
    close(target);
    return result;
}
