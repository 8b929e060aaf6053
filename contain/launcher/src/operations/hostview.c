/* The host view, and throw-away layers over folders of the host. */
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../mounting.h"
#include "../operation.h"
#include "../paths.h"
#include "../roots.h"

#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define EMPTY "/empty" /* a folder of the layers with nothing in it */

/* Over the root of this namespace, where only pivot_root looks; *host (NULL: unwanted) is that root. */
static int attach_over_host(int tree, int *host) {
    int place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int result = place < 0 ? -1 : attach(tree, place);
    int error = errno;
    if (host)
        *host = place;
    else if (place >= 0)
        close(place);
    errno = error;
    return result;
}

int do_make_root(struct context *context, const struct make_root *operation) {
    static const char options[] = "mode=755\0size=16m";
    char why[256];
    (void)operation;
    int tree = make_filesystem("tmpfs", "contain", (struct texts){2, options}, QUIET, why, sizeof why);
    if (tree < 0)
        return fail_with(context, errno, why);
    int host = -1;
    slot_set(context, SLOT_ROOT, tree);
    int result = attach_over_host(tree, &host) < 0 ? fail(context, errno, NULL) : 0;
    slot_set(context, SLOT_HOST_ROOT, host);
    return result;
}

int do_make_layers(struct context *context, const struct make_layers *operation) {
    char options[64] = "mode=700";
    char why[256];
    strcpy(options + 9, "size=");
    format_number(options + 14, sizeof options - 14, (long)operation->size);
    int tree = make_filesystem("tmpfs", "contain", (struct texts){2, options}, QUIET, why, sizeof why);
    if (tree < 0)
        return fail_with(context, errno, why);
    slot_set(context, operation->slot, tree);
    /* Kernels before 6.15 want the folders of an overlay in our own namespace: here, below the root that is still to come, and gone with the host's. */
    if (mkdirat(tree, EMPTY + 1, 0755) < 0 || attach_over_host(tree, NULL) < 0)
        return fail(context, errno, NULL);
    return 0;
}

/* Makes `name`+`suffix` in the folder of layers and writes its path into `path`. */
static int make_layer(int layers, const char *name, const char *suffix, char *path, size_t size) {
    char number[16];
    char folder[280];
    format_number(number, sizeof number, layers);
    join_words(folder, sizeof folder, (const char *const[]){name, suffix, NULL});
    join_words(path, size, (const char *const[]){"/proc/self/fd/", number, "/", folder, NULL});
    return mkdirat(layers, folder, 0755);
}

/* What the top of an overlay looks like is what its upper folder looks like. */
static void dress_upper(int layers, const char *name, int lower) {
    struct stat found;
    char folder[280];
    join_words(folder, sizeof folder, (const char *const[]){name, ".upper", NULL});
    if (fstat(lower, &found) < 0)
        return;
    (void)!fchownat(layers, folder, found.st_uid, found.st_gid, AT_SYMLINK_NOFOLLOW); /* an owner who is not mapped stays out */
    (void)!fchmodat(layers, folder, found.st_mode & 07777, 0);
}

static int set_string(int system, const char *key, const char *value) {
    return sys_fsconfig(system, FSCONFIG_SET_STRING, key, value, 0);
}

/* Mode and owner of `path` in `lower`, for the same path in `layer`: of a merged folder the topmost counts. */
static void dress(int layer, int lower, const char *path) {
    struct stat found;
    if (fstatat(lower, path, &found, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    (void)!fchownat(layer, path, found.st_uid, found.st_gid, AT_SYMLINK_NOFOLLOW);
    (void)!fchmodat(layer, path, found.st_mode & 07777, 0);
}

static void make_parents(int layer, int lower, char *path) {
    for (char *end = strchr(path, '/'); end; end = strchr(end + 1, '/')) {
        *end = 0;
        if (mkdirat(layer, path, 0755) == 0)
            dress(layer, lower, path);
        *end = '/';
    }
}

/* A hole: a whiteout in the layer `gone`; for a path that ends in / an empty folder in the layer `made` above it as well, since what lies under a
 * whiteout is not merged (an opaque folder would need extended attributes, which tmpfs has since Linux 6.6). What a link leads to is masked
 * elsewhere, and what fails here is covered by a mount later, as where there are no overlays. */
static void make_hole(int gone, int made, int lower, const char *path) {
    char plain[1024];
    struct stat found;
    size_t length = strlen(path);
    bool folder = length > 0 && path[length - 1] == '/';
    if (length == 0 || length >= sizeof plain)
        return;
    memcpy(plain, path, length + 1);
    if (folder)
        plain[length - 1] = 0;
    int there = root_open_plain(lower, plain, O_PATH | O_NOFOLLOW);
    int known = there < 0 ? -1 : fstat(there, &found);
    if (there >= 0)
        close(there);
    if (known < 0 || S_ISLNK(found.st_mode))
        return;
    make_parents(gone, lower, plain);
    if (mknodat(gone, plain, S_IFCHR, 0) < 0 || !folder)
        return;
    make_parents(made, lower, plain);
    (void)!mkdirat(made, plain, 0755);
}

#define GONE "gone"
#define MADE "made"

/* Two layers in which `hidden` is not there: a descriptor of the folder that holds them, -1 when there is nothing to hide or none can be made. */
static int make_holes(int lower, int layers, const char *name, struct texts hidden) {
    char folder[280];
    join_words(folder, sizeof folder, (const char *const[]){name, ".holes", NULL});
    if (hidden.count == 0 || mkdirat(layers, folder, 0755) < 0)
        return -1;
    int holes = openat(layers, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool ready = holes >= 0 && mkdirat(holes, GONE, 0755) == 0 && mkdirat(holes, MADE, 0755) == 0;
    int gone = ready ? openat(holes, GONE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    int made = ready ? openat(holes, MADE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    const char *path = hidden.first;
    if (gone >= 0 && made >= 0) {
        dress(made, lower, ".");
        for (uint32_t i = 0; i < hidden.count; i++, path = texts_next(path))
            make_hole(gone, made, lower, path);
    } else if (holes >= 0) {
        close(holes);
        holes = -1;
    }
    if (gone >= 0)
        close(gone);
    if (made >= 0)
        close(made);
    return holes;
}

/* What an overlay is made of. With `name` it can be written, into layers of that name; without, it only shows `lower`. */
struct overlay {
    int lower;
    int holes; /* holds two layers over `lower`, in which some of it is not there; -1: none */
    int layers;
    const char *name;
    struct texts options;
    uint64_t attributes;
    char why[256]; /* the kernel's words when it refuses */
};

static int set_lower(int system, const struct overlay *overlay) {
    char number[16];
    char other[16];
    char path[320];
    bool two = overlay->holes >= 0 || !overlay->name; /* lower folders alone must be two */
    format_number(number, sizeof number, overlay->lower);
    format_number(other, sizeof other, overlay->holes >= 0 ? overlay->holes : overlay->layers);
    if (overlay->holes >= 0)
        join_words(
            path, sizeof path,
            (const char *const[]){"/proc/self/fd/", other, "/" MADE ":/proc/self/fd/", other, "/" GONE ":/proc/self/fd/", number, NULL});
    else
        join_words(path, sizeof path, (const char *const[]){"/proc/self/fd/", number, two ? ":/proc/self/fd/" : NULL, other, EMPTY, NULL});
    return set_string(system, "lowerdir", path);
}

static int set_layers(int system, const struct overlay *overlay) {
    char path[320];
    char work[320];
    if (set_lower(system, overlay) < 0)
        return -1;
    if (!overlay->name)
        return 0;
    if (make_layer(overlay->layers, overlay->name, ".upper", path, sizeof path) < 0 ||
        make_layer(overlay->layers, overlay->name, ".work", work, sizeof work) < 0)
        return -1;
    dress_upper(overlay->layers, overlay->name, overlay->lower);
    return set_string(system, "upperdir", path) < 0 ? -1 : set_string(system, "workdir", work);
}

/* A detached overlay, or -1 with errno. */
static int make_overlay(struct overlay *overlay) {
    int system = sys_fsopen("overlay");
    int tree = -1;
    if (system < 0)
        return -1;
    int result = set_string(system, "source", "overlay");
    const char *option = overlay->options.first;
    for (uint32_t i = 0; result == 0 && i < overlay->options.count; i++, option = texts_next(option))
        result = sys_fsconfig(system, FSCONFIG_SET_FLAG, option, NULL, 0);
    if (result == 0)
        result = set_layers(system, overlay);
    if (result == 0)
        result = sys_fsconfig(system, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    if (result == 0)
        tree = sys_fsmount(system, (unsigned)overlay->attributes | (overlay->name ? 0 : MOUNT_ATTR_RDONLY));
    int error = errno;
    if (tree < 0)
        filesystem_words(system, overlay->why, sizeof overlay->why);
    close(system);
    errno = error;
    return tree;
}

/* An overlay over a detached clone, which the kernel wants to see in our own namespace: it lies on `place` for that moment. */
static int make_overlay_at(struct overlay *overlay, int place) {
    char path[32] = "/proc/self/fd/";
    if (attach(overlay->lower, place) < 0)
        return -1;
    int tree = make_overlay(overlay);
    int error = errno;
    format_number(path + strlen(path), sizeof path - strlen(path), overlay->lower);
    if (umount2(path, MNT_DETACH) < 0 && tree >= 0) {
        error = errno;
        close(tree);
        tree = -1;
    }
    errno = error;
    return tree;
}

int do_overlay_root(struct context *context, const struct overlay_root *operation) {
    struct overlay overlay = {slot(context, SLOT_ROOT), -1, slot(context, operation->layers), "root", operation->options, 0, ""};
    int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (overlay.lower < 0)
        overlay.lower = sys_open_tree(AT_FDCWD, operation->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (overlay.lower < 0 || host < 0)
        return fail(context, errno, NULL);
    int tree = make_overlay_at(&overlay, host);
    int result = tree < 0 ? fail_with(context, errno, overlay.why) : 0;
    close(host);
    if (overlay.lower != slot(context, SLOT_ROOT))
        close(overlay.lower);
    if (tree >= 0)
        slot_set(context, SLOT_ROOT, tree);
    return result;
}

int do_overlay_mount(struct context *context, const struct overlay_mount *operation) {
    const struct change change = CHANGE_OF(operation);
    struct overlay overlay = {
        slot(context, operation->slot), -1, slot(context, operation->layers), operation->name, operation->options, QUIET, ""};
    int root = the_root(context);
    int target = root < 0 ? -1 : root_make(root, operation->target, ROOT_FOLDER, 0755);
    if (root < 0)
        return -1;
    if (target < 0)
        return fail_with(context, errno, "the target, in the root");
    if (overlay.lower >= 0)
        context->slots[operation->slot] = -1;
    else
        overlay.lower = sys_open_tree(AT_FDCWD, operation->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int tree = overlay.lower < 0 ? -1 : make_overlay_at(&overlay, target);
    int result = tree < 0 || attach(tree, target) < 0 || change_mount(tree, &change) < 0 ? fail_with(context, errno, overlay.why) : 0;
    close(target);
    if (tree >= 0)
        close(tree);
    if (overlay.lower >= 0)
        close(overlay.lower);
    return result;
}

/* No overlay can be had: all that is mounted there, read-only, with the sockets that are known hidden. */
static int show_clone(struct context *context, const struct show_folder *operation, int target) {
    const struct change change = {.recursive_set = MOUNT_ATTR_RDONLY | QUIET};
    int tree = sys_open_tree(AT_FDCWD, operation->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0)
        return fail(context, errno, NULL);
    int result = attach(tree, target) < 0 || change_mount(tree, &change) < 0 ? -1 : 0;
    if (result < 0)
        fail_with(context, errno, errno == ENOSYS ? "a read-only clone needs Linux 5.12" : NULL);
    else
        result = mask_below(context, tree, operation->sockets);
    close(tree);
    return result;
}

int do_show_folder(struct context *context, const struct show_folder *operation) {
    const char *name = operation->writable ? operation->path + 1 : NULL;
    struct overlay overlay = {-1, -1, slot(context, operation->layers), name, operation->options, QUIET, ""};
    int root = the_root(context);
    int target = root < 0 ? -1 : root_make(root, operation->path, ROOT_FOLDER, 0755);
    if (root < 0)
        return -1;
    if (target < 0)
        return fail(context, errno, NULL);
    if (operation->overlay)
        overlay.lower = open(operation->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (overlay.lower >= 0)
        overlay.holes = make_holes(overlay.lower, overlay.layers, operation->path + 1, operation->hidden);
    int tree = overlay.lower < 0 ? -1 : make_overlay(&overlay);
    int result;
    if (tree >= 0)
        result = attach(tree, target) < 0 ? fail(context, errno, NULL) : 0;
    else
        result = operation->writable ? fail_with(context, errno, overlay.why) : show_clone(context, operation, target);
    if (tree >= 0)
        close(tree);
    if (overlay.lower >= 0)
        close(overlay.lower);
    if (overlay.holes >= 0)
        close(overlay.holes);
    close(target);
    return result;
}
