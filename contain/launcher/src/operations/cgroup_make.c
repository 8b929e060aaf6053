/* Making cgroups: parents too, controllers handed on, each folder noted before it is made. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../cgroups.h"
#include "../kernel_calls.h"
#include "../paths.h"

#define TRIES 16

/* Where the walk from the mount down to the container's folder stands. */
struct walk {
    const struct make_cgroup *operation;
    int folder;                  /* the last one that exists */
    int made;                    /* folders made so far */
    char path[CGROUP_PATH_SIZE]; /* the whole path, cut behind the component at hand */
};

static int fail_busy(struct context *context, const char *folder) {
    char detail[DETAIL_SIZE];
    join_words(detail, sizeof detail,
               (const char *const[]){"processes sit in ", folder, " itself, so it cannot hand controllers on", NULL});
    return fail(context, EBUSY, detail);
}

static bool has_word(const char *text, const char *word) {
    size_t length = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += length)
        if ((at == text || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\n' || at[length] == 0))
            return true;
    return false;
}

/* 0 or an errno; ENOENT: the folder has no such controller. */
static int enable(int folder, const char *enabled, const char *controller) {
    char word[64];
    if (has_word(enabled, controller))
        return 0;
    join_words(word, sizeof word, (const char *const[]){"+", controller, NULL});
    return write_file_at(folder, "cgroup.subtree_control", word);
}

/* What the children of walk->folder shall have. */
static int hand_on(struct context *context, const struct walk *walk) {
    char enabled[512];
    const struct make_cgroup *operation = walk->operation;
    if (!operation->v2 || read_file_at(walk->folder, "cgroup.subtree_control", enabled, sizeof enabled) < 0)
        return 0;
    const char *controller = operation->needed.first;
    for (uint32_t i = 0; i < operation->needed.count; i++, controller = texts_next(controller)) {
        int error = enable(walk->folder, enabled, controller);
        if (error == EBUSY)
            return fail_busy(context, walk->path);
        if (error) {
            char detail[DETAIL_SIZE];
            join_words(detail, sizeof detail,
                       (const char *const[]){"cannot enable ", controller, " in ", walk->path, ": ", strerror(error), NULL});
            return fail(context, error, detail);
        }
    }
    controller = operation->wanted.first;
    for (uint32_t i = 0; i < operation->wanted.count; i++, controller = texts_next(controller))
        (void)enable(walk->folder, enabled, controller);
    return 0;
}

static int copy_file(int from, int to, const char *file) {
    char text[4096];
    ssize_t length = read_file_at(to, file, text, sizeof text);
    if (length > 1)
        return 0;
    if (read_file_at(from, file, text, sizeof text) < 0)
        return errno;
    return write_file_at(to, file, text);
}

/* v1: a new cpuset is empty, and nobody can enter an empty one. */
static int fill_cpuset(int from, int to) {
    int error = copy_file(from, to, "cpuset.cpus");
    return error ? error : copy_file(from, to, "cpuset.mems");
}

static void note_made(struct context *context, const struct walk *walk, int made) {
    if (walk->operation->undo > 0 && walk->operation->undo < ARMED_COUNT)
        context->shared->armed[walk->operation->undo] = made;
}

/* One step down, `below` more to come. 0; 1: a parent vanished, begin again; -1. */
static int step(struct context *context, struct walk *walk, const char *name, int below) {
    int next = cgroup_open(walk->folder, name);
    if (next < 0 && errno != ENOENT)
        return fail(context, errno, NULL);
    bool shared = below > 0 && next >= 0 && cgroup_is_marked(walk->path);
    if (walk->operation->undo > 0 && (next < 0 || shared)) {
        int error = note_undo(context, below ? "parent" : "cgroup", walk->path);
        if (error)
            return fail(context, error, "cannot note it in the state folder");
    }
    if (next < 0) {
        int error = 0;
        note_made(context, walk, walk->made + 1);
        if (mkdirat(walk->folder, name, 0755) == 0) {
            walk->made++;
            if (below > 0)
                cgroup_mark(walk->path);
        } else if (errno != EEXIST) {
            error = errno;
            note_made(context, walk, walk->made);
            return error == ENOENT ? 1 : fail(context, error, NULL);
        }
        note_made(context, walk, walk->made);
        next = cgroup_open(walk->folder, name);
        if (next < 0)
            return errno == ENOENT ? 1 : fail(context, errno, NULL);
    }
    int error = walk->operation->cpuset ? fill_cpuset(walk->folder, next) : 0;
    close(walk->folder);
    walk->folder = next;
    return error ? fail(context, error, "cannot copy the processors and memory nodes of its parent") : 0;
}

static int descend(struct context *context, struct walk *walk) {
    char *at = walk->path + strlen(walk->operation->mount);
    int left = 0;
    for (const char *slash = at; (slash = strchr(slash + 1, '/'));)
        left++;
    for (; left >= 0; left--) {
        *at = 0;
        if (hand_on(context, walk) < 0)
            return -1;
        *at = '/';
        char *end = at + 1 + strcspn(at + 1, "/");
        char keep = *end;
        *end = 0;
        int result = step(context, walk, at + 1, left);
        if (result != 0)
            return result;
        *end = keep;
        at = end;
    }
    return 0;
}

int do_make_cgroup(struct context *context, const struct make_cgroup *operation) {
    struct walk walk = {.operation = operation, .folder = -1};
    int result = 1;
    for (int tries = 0; result == 1 && tries < TRIES; tries++) {
        cgroup_path(context, operation->mount, operation->path, walk.path, sizeof walk.path);
        if (walk.folder >= 0)
            close(walk.folder);
        walk.made = 0;
        walk.folder = open(operation->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (walk.folder < 0)
            return fail(context, errno, NULL);
        result = descend(context, &walk);
    }
    if (result == 1)
        result = fail(context, ENOENT, "its parents vanish again and again");
    if (result == 0 && walk.made == 0 && cgroup_populated(walk.folder, operation->v2 != 0))
        result = fail(context, EEXIST, "it exists and has processes in it");
    if (result == 0 && cgroup_frozen(walk.folder, operation->v2 != 0))
        result = fail(context, EBUSY, "it is frozen, or one of its parents is");
    if (result < 0)
        close(walk.folder);
    else
        slot_set(context, operation->slot, walk.folder);
    return result;
}
