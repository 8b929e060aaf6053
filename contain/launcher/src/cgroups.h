/* Ending what runs in a cgroup, and removing it with all that was made below it. */
#ifndef CGROUPS_H
#define CGROUPS_H

#include <stdbool.h>

/* Kills everything in the cgroup at `path` and below, thaws it, and removes it. A cgroup that is gone is no error. 0 or an errno. */
int cgroup_destroy(const char *path);
/* Kills everything in it and below, once: cgroup.kill where it is, else pids.max=0 and every process by name. */
int cgroup_kill(int folder);

#endif
