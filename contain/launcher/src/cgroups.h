/* Folders of cgroups, and all that is done to whole trees of them: ending what runs there, removing them. */
#ifndef CGROUPS_H
#define CGROUPS_H

#include "operation.h"

#define CGROUP_PATH_SIZE 4096

/* "MOUNT/PATH" with the made-up id in its place. */
void cgroup_path(const struct context *context, const char *mount, const char *path, char *buffer, size_t size);
/* A parent that a run made goes with the last one below it, whoever made it: the mark tells it from one that was there (Linux 5.7; before
 * that only the one who made it removes it). */
void cgroup_mark(const char *path);
bool cgroup_is_marked(const char *path);
/* Opens a folder as O_PATH; follows no link. -1 with errno. */
int cgroup_open(int parent, const char *path);
/* Calls `each` for every cgroup directly below `folder`. */
void cgroup_children(int folder, void (*each)(int folder, const char *name, void *data), void *data);
/* Whether any process is in `folder` or below it. */
bool cgroup_populated(int folder, bool v2);
/* Whoever enters a frozen cgroup, its own or by a parent, stops: our start would hang (runtime-spec, "Cgroups Path"). */
bool cgroup_frozen(int folder, bool v2);
/* Kills until nobody is left, for ten seconds at most. `method` as in KillCgroup. */
void cgroup_end(int folder, const char *method);
/* Removes `name` in `parent` with all cgroups below; kills and thaws what is in them, waits for the dying. 0 (gone too) or an errno. */
int cgroup_remove(int parent, const char *name);
/* A scope's folder is systemd's: kills what is in it and waits until systemd has seen that and removed it; else does it. 0 or an errno. */
int cgroup_leave(const char *path);
/* What all that were in it have used, in nanoseconds; -1: it does not say. */
int64_t cgroup_cpu_time(int folder, bool v2);
/* How often the kernel has killed in it for lack of memory, since it was made; -1: it does not say. */
int64_t cgroup_oom_kills(int folder, bool v2);
/* The number behind `key` (NULL: the first) in a file of "KEY NUMBER" lines (blank or tab); -1 when there is none. */
/* The same of a file that is open. */
int64_t cgroup_number_in(int fd, const char *key);
int64_t cgroup_number(int folder, const char *file, const char *key);

#endif
