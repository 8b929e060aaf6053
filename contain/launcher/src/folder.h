/* A container's state folder, as contain/state/layout.py describes it: read by the verbs that need no Python. */
#ifndef FOLDER_H
#define FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SUMMARY_SIZE 16384

enum status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };

struct folder {
    int fd;
    char text[SUMMARY_SIZE]; /* the summary, its lines ended by NUL */
    size_t size;
    pid_t pid;
    uint64_t start;
    int pidfd; /* of init while it lives, else -1 */
    enum status status;
};

/* Opens ROOT/ID and finds out how its container is. false: Python shall say why not. */
bool folder_open(struct folder *folder, const char *root, const char *id);
void folder_close(struct folder *folder);
/* The first value of `name` in the summary, or NULL. */
const char *folder_value(const struct folder *folder, const char *name);
const char *status_name(enum status status);
/* Waits for our turn to change the container. The lock's descriptor, or -1. */
int folder_turn(const struct folder *folder);

#endif
