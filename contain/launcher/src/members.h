/* The processes of a container by its user namespace, where there is nothing else to find them by. */
#ifndef MEMBERS_H
#define MEMBERS_H

#include <stdbool.h>
#include <sys/types.h>

/* The user namespace of `pid`, held; -1 when it is our own, or not ours to see. */
int members_open(pid_t pid);
/* Kills all processes in it and in those below it, for `patience` ms (-1: as long as it takes). Whether none is left. */
bool members_kill(int namespace, int patience);

#endif
