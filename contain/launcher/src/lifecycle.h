/* start and delete, as operations of a plan and as verbs of the front alike. */
#ifndef LIFECYCLE_H
#define LIFECYCLE_H

#include "folder.h"
#include "operation.h"

/* Takes our turn and looks again. NULL, or why `verb` cannot be done, in the words that engines look for (in `detail`, or static). */
const char *lifecycle_adopt(struct folder *folder, const char *root, const char *id, const char *verb, bool force, int *turn, char *detail);
/* Kills init (thawed when frozen) and waits until it is gone. NULL or why not. */
const char *lifecycle_kill(struct folder *folder);
/* Lets init go on and waits for its execve. NULL, or why there was none (in `detail`, or static). */
const char *lifecycle_open_gate(int folder, int init_pidfd, char *detail);
/* Rewrites summary and state.json with a new status. 0 or an errno. */
int folder_set_status(struct folder *folder, enum status status);
/* The template with its holes filled. Its length, 0: it does not fit. */
size_t folder_fill(const struct folder *folder, const char *template, char *out, size_t size);

#endif
