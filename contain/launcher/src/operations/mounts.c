#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../mounting.h"
#include "../operation.h"
#include "../paths.h"
#include "../roots.h"

/* A child that lives as long as its namespace is wanted: until `hold` is closed. */
static noreturn void hold_namespace(int hold) {
    char byte;
    (void)!read(hold, &byte, 1);
    _exit(0);
}

static int take_namespace(pid_t child, const struct open_userns *operation) {
    char path[32] = "/proc/";
    format_number(path + strlen(path), sizeof path - strlen(path), child);
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int error = write_file_at(folder, "uid_map", operation->uid_lines);
    if (!error)
        error = write_file_at(folder, "gid_map", operation->gid_lines);
    int userns = error ? -1 : openat(folder, "ns/user", O_RDONLY | O_CLOEXEC);
    error = error ? error : errno;
    close(folder);
    errno = error;
    return userns;
}

int do_open_userns(struct context *context, const struct open_userns *operation) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(context, errno, NULL);
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    pid_t child = sys_clone3(&args);
    if (child == 0) {
        close(ends[1]);
        hold_namespace(ends[0]);
    }
    int userns = child < 0 ? -1 : take_namespace(child, operation);
    int error = errno;
    close(ends[0]);
    close(ends[1]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    if (userns < 0)
        return fail(context, error, NULL);
    slot_set(context, operation->slot, userns);
    return 0;
}

static int show_idmapped(struct context *context, int tree, int userns, bool recursive, bool optional) {
    struct mount_attributes attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns};
    unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    if (sys_mount_setattr(tree, "", flags, &attributes) == 0 || optional)
        return 0;
    return fail_with(context, errno, "idmapped");
}

int do_show_idmapped(struct context *context, const struct show_idmapped *operation) {
    if (slot(context, operation->userns) < 0) {
        char number[16];
        char path[48];
        format_number(number, sizeof number, context->map_pid);
        join_words(path, sizeof path, (const char *const[]){"/proc/", number, "/ns/user", NULL});
        int userns = open(path, O_RDONLY | O_CLOEXEC);
        if (userns < 0)
            return fail(context, errno, NULL);
        slot_set(context, operation->userns, userns);
    }
    return show_idmapped(context, slot(context, operation->tree), slot(context, operation->userns), operation->recursive,
                         operation->optional);
}

int do_open_source(struct context *context, const struct open_source *operation) {
    unsigned below = operation->recursive ? AT_RECURSIVE : 0;
    int tree = sys_open_tree(AT_FDCWD, operation->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | below);
    if (tree < 0 && errno == EPERM && operation->userns == 0)
        return 0; /* capabilities, but in a mount namespace of others: init does it in its own */
    if (tree < 0)
        return fail(context, errno, NULL);
    slot_set(context, operation->slot, tree);
    struct mount_attributes attributes = {.propagation = MS_SLAVE};
    if (!operation->shared && sys_mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes) < 0)
        return fail(context, errno, NULL);
    int userns = slot(context, operation->userns); /* the container's own is shown by later (ShowIdmapped) */
    return userns < 0 ? 0 : show_idmapped(context, tree, userns, operation->idmap_recursive, operation->optional_idmap);
}

/* Attaches `tree` on `target` (both are closed), changes it and hides what must be; a mount on / itself becomes the root. */
static int place_mount(struct context *context, int tree, int target, const char *path, const struct change *change, struct texts masked) {
    int result = attach(tree, target);
    int error = errno;
    const char *what = error == ENOTDIR ? "one of source and target is a file, the other a folder" : NULL;
    close(target);
    if (result == 0) {
        result = change_mount(tree, change);
        error = errno;
        what = result < 0 && error == ENOSYS ? "recursive attributes need Linux 5.12" : NULL;
    }
    if (result < 0)
        fail_with(context, error, what);
    else
        result = mask_below(context, tree, masked);
    if (result == 0 && strcmp(path, "/") == 0)
        slot_set(context, SLOT_ROOT, tree);
    else
        close(tree);
    return result;
}

static int open_target(struct context *context, int root, const char *path, bool folder) {
    int target = root_make(root, path, folder ? ROOT_FOLDER : ROOT_FILE, folder ? 0755 : 0644);
    if (target < 0)
        fail_with(context, errno, "the target, in the root");
    return target;
}

static int take_source(struct context *context, const struct bind_mount *operation) {
    int tree = slot(context, operation->slot);
    if (tree >= 0) {
        context->slots[operation->slot] = -1;
        return tree;
    }
    tree = sys_open_tree(AT_FDCWD, operation->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (operation->recursive ? AT_RECURSIVE : 0));
    if (tree < 0)
        fail(context, errno, NULL);
    return tree;
}

int do_bind_mount(struct context *context, const struct bind_mount *operation) {
    struct stat found;
    const struct change change = CHANGE_OF(operation);
    int root = the_root(context);
    int tree = root < 0 ? -1 : take_source(context, operation);
    if (tree < 0)
        return -1;
    int target = -1;
    if (fstat(tree, &found) < 0)
        fail(context, errno, NULL);
    else
        target = open_target(context, root, operation->target, S_ISDIR(found.st_mode));
    if (target < 0) {
        close(tree);
        return -1;
    }
    return place_mount(context, tree, target, operation->target, &change, operation->masked);
}

/* mount(2) for values that fsconfig(2) is too small for (overlay's lowerdir). What is mounted is opened anew, inside the root. */
static int mount_classic(int root, int target, const struct mount_filesystem *operation) {
    char data[4096] = "";
    char path[32] = "/proc/self/fd/";
    size_t used = 0;
    const char *option = operation->options.first;
    for (uint32_t i = 0; i < operation->options.count; i++, option = texts_next(option)) {
        size_t length = strlen(option);
        if (used + length + 2 > sizeof data) {
            errno = E2BIG;
            return -1;
        }
        if (used)
            data[used++] = ',';
        memcpy(data + used, option, length + 1);
        used += length;
    }
    format_number(path + strlen(path), sizeof path - strlen(path), target);
    if (mount(operation->source[0] ? operation->source : operation->type, path, operation->type, 0, data) < 0)
        return -1;
    return root_open(root, operation->target, O_PATH);
}

/* The host's own files in place of a file system that may not be mounted here, with all attributes below too. */
static int show_fallback(const char *path, int target, uint64_t attributes) {
    uint64_t flags = attributes & ~(uint64_t)MOUNT_ATTR__ATIME;
    int tree = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    const struct change change = {.recursive_set = flags, .propagation = MS_SLAVE, .propagation_recursive = true};
    const struct change alone = {.set = flags};
    if (tree < 0)
        return -1;
    if (attach(tree, target) == 0 && (change_mount(tree, &change) == 0 || (errno == ENOSYS && change_mount(tree, &alone) == 0)))
        return tree;
    int error = errno;
    close(tree);
    errno = error;
    return -1;
}

static bool is_kernels_own(const char *type) {
    return strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;
}

static bool has_mode(struct texts options) {
    const char *option = options.first;
    for (uint32_t i = 0; i < options.count; i++, option = texts_next(option))
        if (strncmp(option, "mode=", 5) == 0)
            return true;
    return false;
}

/* A tmpfs without a mode has that of the folder it lies on; with tmpcopyup what lies there too. */
static int take_after(const struct mount_filesystem *operation, int target, int tree) {
    struct stat found;
    if (strcmp(operation->type, "tmpfs") != 0)
        return 0;
    if (operation->copy_up && copy_tree(target, tree) < 0)
        return -1;
    if (has_mode(operation->options))
        return 0;
    return fstat(target, &found) < 0 || fchmodat(tree, ".", found.st_mode & 07777, 0) < 0 ? -1 : 0;
}

static int filesystem_target(struct context *context, int root, const struct mount_filesystem *operation, bool *existed) {
    bool plain = is_kernels_own(operation->type);
    int target = plain ? root_open_plain(root, operation->target, O_PATH | O_DIRECTORY) : root_open(root, operation->target, O_PATH);
    *existed = target >= 0;
    if (target >= 0)
        return target;
    if (errno == ENOENT && operation->optional)
        return -2;
    if (errno == ENOENT)
        return open_target(context, root, operation->target, true);
    fail_with(context, errno, plain ? "the target must be a real folder, not a link" : "the target, in the root");
    return -1;
}

int do_mount_filesystem(struct context *context, const struct mount_filesystem *operation) {
    char why[256];
    bool existed;
    struct change change = CHANGE_OF(operation);
    int root = the_root(context);
    int target = root < 0 ? -1 : filesystem_target(context, root, operation, &existed);
    if (target < 0)
        return target == -2 ? 0 : -1;
    /* what is to be filled first becomes read-only at its place */
    uint64_t late = strcmp(operation->type, "tmpfs") == 0 ? change.set & MOUNT_ATTR_RDONLY : 0;
    int tree = make_filesystem(operation->type, operation->source, operation->options, change.set & ~late, why, sizeof why);
    bool attached = tree < 0; /* the two other ways mount in one step */
    if (tree >= 0) {
        change.set = late;
        change.clear = 0;
    } else if ((errno == EPERM || errno == EBUSY) && operation->fallback[0]) {
        change.clear = 0;
        tree = show_fallback(operation->fallback, target, change.set);
    } else if (errno == E2BIG) {
        tree = mount_classic(root, target, operation);
    }
    if (tree < 0 || (existed && !attached && take_after(operation, target, tree) < 0)) {
        fail_with(context, errno, why);
        close(target);
        if (tree >= 0)
            close(tree);
        return -1;
    }
    if (!attached)
        return place_mount(context, tree, target, operation->target, &change, (struct texts){0, NULL});
    int result = change_mount(tree, &change) < 0 ? fail(context, errno, NULL) : 0;
    close(target);
    close(tree);
    return result;
}

int do_remount(struct context *context, const struct remount *operation) {
    const struct change change = CHANGE_OF(operation);
    int root = the_root(context);
    int target = root < 0 ? -1 : root_open(root, operation->target, O_PATH);
    if (root < 0)
        return -1;
    if (target < 0)
        return fail(context, errno, NULL);
    int result = change_mount(target, &change) < 0 ? fail(context, errno, errno == EINVAL ? "nothing is mounted there" : NULL) : 0;
    close(target);
    return result;
}
