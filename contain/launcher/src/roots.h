/* Paths inside a root, always resolved by the kernel within it (openat2, RESOLVE_IN_ROOT) and used by descriptor.
 * CVE-2021-30465, CVE-2024-45310, CVE-2025-31133, CVE-2025-52565: a path that the container can change is never followed twice. */
#ifndef ROOTS_H
#define ROOTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "operation.h"

enum root_kind { ROOT_FILE, ROOT_FOLDER };

/* Opens `path` inside `root`; no magic link is followed. `flags` as for open (O_PATH and O_NOFOLLOW too). A descriptor, or -1. */
int root_open(int root, const char *path, int flags);
/* The same where no symbolic link at all may be on the way (/proc and /sys: CVE-2023-27561, CVE-2023-28642). */
int root_open_plain(int root, const char *path, int flags);
/* An O_PATH descriptor of `path`; what is missing is made: folders on the way, and a file or folder at its end. -1 on error. */
int root_make(int root, const char *path, enum root_kind kind, mode_t mode);
/* The folder that holds `path` (made when missing) and in *name its last part, a pointer into `path`. -1 on error. */
int root_parent(int root, const char *path, const char **name);

/* Attaches the detached mount `tree` on what `target` is. 0 or -1. */
int attach(int tree, int target);
/* A detached clone of what `fd` is (with all below, when recursive). A descriptor, or -1. */
int clone_tree(int fd, bool recursive);
/* Whether `fd` is the character device major:minor. */
bool is_character_device(int fd, unsigned major, unsigned minor);
/* The context's root; fails (and says so) when there is none. */
int the_root(struct context *context);

#endif
