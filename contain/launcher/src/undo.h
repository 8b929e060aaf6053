/* What a state folder says that must be undone (its file `undo`), and the end of the folder itself. */
#ifndef UNDO_H
#define UNDO_H

#include <sys/types.h>

/* Undoes every line, the last one first; what is gone already is no error. `pid`: of its init. 0 or the first errno. */
int undo_all(int folder, pid_t pid);
/* Removes a pid file as long as it holds `pid`. 0 or an errno. */
int remove_pid_file(const char *path, pid_t pid);
/* Renames ROOT/ID away and empties it. 0 or an errno. */
int folder_remove(const char *root, const char *id);
/* Removes a tree below `parent`, following no link and crossing no mount. */
int remove_tree(int parent, const char *name);

#endif
