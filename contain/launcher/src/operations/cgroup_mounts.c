/* The container's view of its cgroups: v2, v1 or both. */
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../mounting.h"
#include "../operation.h"
#include "../paths.h"
#include "../roots.h"

struct view {
    const char *name;
    const char *options;
    const char *folder;
    const char *controller;
};

/* Whether `controller` is one of the words of a line's second field (`cpu,cpuacct`); the empty one is v2's. */
static bool holds(const char *field, size_t size, const char *controller) {
    size_t length = strlen(controller);
    if (size == 0)
        return length == 0;
    for (size_t at = 0; at < size; at += strcspn(field + at, ",:") + 1)
        if (length && strcspn(field + at, ",:") == length && strncmp(field + at, controller, length) == 0)
            return true;
    return false;
}

/* Our own path in the hierarchy of `controller`, from the text of /proc/self/cgroup. */
static const char *own_path(char *text, const char *controller) {
    for (char *line = text; *line;) {
        char *end = line + strcspn(line, "\n");
        char *field = strchr(line, ':');
        char *path = field ? strchr(field + 1, ':') : NULL;
        if (path && path < end && holds(field + 1, (size_t)(path - field - 1), controller)) {
            *end = 0;
            return path + 1;
        }
        line = *end ? end + 1 : end;
    }
    return "";
}

/* Without an own namespace: no more of the host's folder than our own part. */
static int bind_own(const struct view *view) {
    char text[8192];
    char path[PATH_MAX];
    if (read_file_at(AT_FDCWD, "/proc/self/cgroup", text, sizeof text) < 0)
        return -1;
    join_words(path, sizeof path, (const char *const[]){view->folder, own_path(text, view->controller), NULL});
    int tree = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 && errno == ENOENT) /* the mount may show only a part of the hierarchy, as inside another container */
        tree = sys_open_tree(AT_FDCWD, view->folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return tree;
}

/* `cpu,cpuacct` as the texts that make_filesystem() takes. */
static struct texts split(const char *options, char *space, size_t size) {
    struct texts texts = {0, space};
    if (strlen(options) + 2 > size)
        return texts;
    strcpy(space, options);
    for (char *at = space; *at; at++) {
        texts.count += at == space;
        if (*at == ',') {
            *at = 0;
            texts.count++;
        }
    }
    return texts;
}

static int open_view(const struct view *view, bool own, uint64_t attributes, char *why, size_t size) {
    char space[256];
    bool unified = view->options[0] == 0;
    if (!own)
        return bind_own(view);
    return make_filesystem(unified ? "cgroup2" : "cgroup", "cgroup", split(view->options, space, sizeof space), attributes, why, size);
}

/* One view on `folder`/name, which is made; with no name on `folder` itself. */
static int place_view(struct context *context, const struct mount_cgroups *operation, const struct view *view, int folder) {
    struct change change = CHANGE_OF(operation);
    char why[256] = "";
    if (view->name[0] && mkdirat(folder, view->name, 0555) < 0 && errno != EEXIST)
        return fail(context, errno, NULL);
    int tree = open_view(view, operation->own, change.set, why, sizeof why);
    if (operation->own) /* it was made with them */
        change.set = change.clear = 0;
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (view->name[0] ? 0 : MOVE_MOUNT_T_EMPTY_PATH);
    bool placed = tree >= 0 && sys_move_mount(tree, "", folder, view->name, flags) == 0;
    int result = !placed || change_mount(tree, &change) < 0 ? fail_with(context, errno, why) : 0;
    if (tree >= 0)
        close(tree);
    return result;
}

static struct view take_view(const char **at) {
    struct view view = {.name = *at};
    view.options = texts_next(view.name);
    view.folder = texts_next(view.options);
    view.controller = texts_next(view.folder);
    *at = texts_next(view.controller);
    return view;
}

/* The folder on which the views are placed: the target itself for a lone v2, else a small file system on it. */
static int make_base(struct context *context, int target) {
    static const char options[] = "mode=755\0size=64k";
    char why[256];
    int tree = make_filesystem("tmpfs", "cgroup", (struct texts){2, options}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, why,
                               sizeof why);
    if (tree < 0 || attach(tree, target) < 0) {
        fail_with(context, errno, why);
        if (tree >= 0)
            close(tree);
        return -1;
    }
    return tree;
}

static int place_all(struct context *context, const struct mount_cgroups *operation, int base) {
    const char *at = operation->views.first;
    for (uint32_t i = 0; i + 3 < operation->views.count; i += 4) {
        struct view view = take_view(&at);
        if (place_view(context, operation, &view, base) < 0)
            return -1;
    }
    at = operation->links.first;
    for (uint32_t i = 0; i + 1 < operation->links.count; i += 2) {
        const char *alias = at;
        const char *name = texts_next(alias);
        if (symlinkat(name, base, alias) < 0 && errno != EEXIST)
            return fail(context, errno, NULL);
        at = texts_next(name);
    }
    return 0;
}

int do_mount_cgroups(struct context *context, const struct mount_cgroups *operation) {
    const struct change change = {.set = (uint64_t)operation->attr_set & MOUNT_ATTR_RDONLY};
    bool alone = operation->views.first[0] == 0;
    int root = the_root(context);
    int target = root < 0 ? -1 : root_make(root, operation->target, ROOT_FOLDER, 0755);
    if (root < 0)
        return -1;
    if (target < 0)
        return fail_with(context, errno, "the target, in the root");
    int base = alone ? target : make_base(context, target);
    int result = base < 0 ? -1 : place_all(context, operation, base);
    if (result == 0 && !alone && change_mount(base, &change) < 0)
        result = fail(context, errno, NULL);
    if (base >= 0 && base != target)
        close(base);
    close(target);
    return result;
}
