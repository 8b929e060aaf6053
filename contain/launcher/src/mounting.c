#include "mounting.h"

#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "kernel_calls.h"
#include "paths.h"

#define FSCONFIG_VALUE_MAX 255 /* fs/fsopen.c copies no longer value */

int fail_with(struct context *context, int error, const char *more) {
    char detail[DETAIL_SIZE];
    if (!more || !more[0])
        return fail(context, error, NULL);
    join_words(detail, sizeof detail, (const char *const[]){strerror(error), " (", more, ")", NULL});
    return fail(context, error, detail);
}

/* Kernels before 5.12: what mount(2) can, through /proc/self/fd, on a mount that is attached. Flags that are set stay, so locked ones too. */
static int change_classic(int fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive) {
    static const struct {
        uint64_t attribute;
        unsigned long flag; /* MS_*, and what statfs(2) says of it */
    } flags[] = {
        {MOUNT_ATTR_RDONLY, MS_RDONLY}, {MOUNT_ATTR_NOSUID, MS_NOSUID},         {MOUNT_ATTR_NODEV, MS_NODEV},
        {MOUNT_ATTR_NOEXEC, MS_NOEXEC}, {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME}, {MOUNT_ATTR_NOATIME, MS_NOATIME},
    };
    char path[32] = "/proc/self/fd/";
    struct statfs now;
    if (recursive && (set || clear)) {
        errno = ENOSYS;
        return -1;
    }
    if (fstatfs(fd, &now) < 0)
        return -1;
    unsigned long wanted = MS_REMOUNT | MS_BIND | (set & MOUNT_ATTR_STRICTATIME ? MS_STRICTATIME : 0);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        bool keep = ((unsigned long)now.f_flags & flags[i].flag) && !(clear & flags[i].attribute);
        wanted |= keep || (set & flags[i].attribute) ? flags[i].flag : 0;
    }
    format_number(path + strlen(path), sizeof path - strlen(path), fd);
    if ((set || clear) && mount(NULL, path, NULL, wanted, NULL) < 0)
        return -1;
    return propagation ? mount(NULL, path, NULL, (unsigned long)propagation | (recursive ? MS_REC : 0), NULL) : 0;
}

static int set_attributes(int fd, bool recursive, uint64_t set, uint64_t clear, uint64_t propagation) {
    struct mount_attributes attributes = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
    unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    if (!set && !clear && !propagation)
        return 0;
    if (sys_mount_setattr(fd, "", flags, &attributes) == 0)
        return 0;
    if (errno == ENOSYS)
        return change_classic(fd, set, clear, propagation, recursive);
    if (errno != EPERM || !clear || (clear & MOUNT_ATTR_RDONLY))
        return -1;
    /* A flag that the host has locked stays: what clears flags is no reason to fail, only the wish to write is. */
    attributes.attr_clr = 0;
    attributes.attr_set = set & ~(uint64_t)MOUNT_ATTR__ATIME;
    return sys_mount_setattr(fd, "", flags, &attributes);
}

int change_mount(int fd, const struct change *change) {
    uint64_t below = change->propagation_recursive ? change->propagation : 0;
    uint64_t own = change->propagation_recursive ? 0 : change->propagation;
    if (set_attributes(fd, true, change->recursive_set, change->recursive_clear, below) < 0)
        return -1;
    return set_attributes(fd, false, change->set, change->clear, own);
}

void filesystem_words(int system, char *why, size_t size) {
    char line[256];
    ssize_t got;
    while ((got = read(system, line, sizeof line - 1)) > 0) {
        line[got] = 0;
        line[strcspn(line, "\n")] = 0;
        if (got > 2 && line[1] == ' ')
            join_words(why, size, (const char *const[]){line + 2, NULL});
    }
}

static int configure(int system, const char *option) {
    char key[128];
    const char *equals = strchr(option, '=');
    if (!equals)
        return sys_fsconfig(system, FSCONFIG_SET_FLAG, option, NULL, 0);
    size_t length = (size_t)(equals - option);
    if (length >= sizeof key || strlen(equals + 1) > FSCONFIG_VALUE_MAX) {
        errno = E2BIG;
        return -1;
    }
    memcpy(key, option, length);
    key[length] = 0;
    return sys_fsconfig(system, FSCONFIG_SET_STRING, key, equals + 1, 0);
}

int make_filesystem(const char *type, const char *source, struct texts options, uint64_t attributes, char *why, size_t size) {
    int system = sys_fsopen(type);
    int tree = -1;
    why[0] = 0;
    if (system < 0)
        return -1;
    int result = source[0] ? sys_fsconfig(system, FSCONFIG_SET_STRING, "source", source, 0) : 0;
    const char *option = options.first;
    for (uint32_t i = 0; result == 0 && i < options.count; i++, option = texts_next(option))
        result = configure(system, option);
    if (result == 0)
        result = sys_fsconfig(system, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    if (result == 0)
        tree = sys_fsmount(system, (unsigned)attributes);
    int error = errno;
    if (tree < 0)
        filesystem_words(system, why, size);
    close(system);
    errno = error;
    return tree;
}
