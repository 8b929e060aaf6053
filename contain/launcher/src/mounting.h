/* Attributes and propagation of mounts, by descriptor. */
#ifndef MOUNTING_H
#define MOUNTING_H

#include <stdbool.h>
#include <stdint.h>

#include "operation.h"

/* What is to become of a mount: MOUNT_ATTR_* bits, and MS_PRIVATE and its like. */
struct change {
    uint64_t set;
    uint64_t clear;
    uint64_t recursive_set;
    uint64_t recursive_clear;
    uint64_t propagation;
    bool propagation_recursive;
};

/* Applies it. Flags of the host that are locked here stay, unless read-only was to be cleared. 0 or -1 with errno. */
int change_mount(int fd, const struct change *change);

/* A new detached file system with its own options (`key=value` or `flag`), attributes included. A descriptor, or -1 with errno.
 * `why` gets the file system's own words when it has any. */
int make_filesystem(const char *type, const char *source, struct texts options, uint64_t attributes, char *why, size_t size);

/* What the file system (a descriptor of fsopen) wrote last about what is wrong: `tmpfs: Unknown parameter 'x'`. */
void filesystem_words(int system, char *why, size_t size);

/* Hides each of the relative `paths` below `tree` behind the host's null device; what is not there any more needs nothing. 0 or -1. */
int mask_below(struct context *context, int tree, struct texts paths);

/* Copies what is in folder `from` into folder `to`: owners, modes and links as they are. 0 or -1 with errno. */
int copy_tree(int from, int to);

/* fail() with the kernel's words for `error`, and `more` behind them when there is something. */
int fail_with(struct context *context, int error, const char *more);

#define CHANGE_OF(operation)                                                                                                               \
    {.set = (uint64_t)(operation)->attr_set,                                                                                               \
     .clear = (uint64_t)(operation)->attr_clear,                                                                                           \
     .recursive_set = (uint64_t)(operation)->recursive_set,                                                                                \
     .recursive_clear = (uint64_t)(operation)->recursive_clear,                                                                            \
     .propagation = (uint64_t)(operation)->propagation,                                                                                    \
     .propagation_recursive = (operation)->propagation_recursive != 0}

#endif
