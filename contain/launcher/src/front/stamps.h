/* What a cached plan depends on (contain/container/cache.py writes the lines): each line must still be true. */
#ifndef STAMPS_H
#define STAMPS_H

#include <stdbool.h>

/* `S dev ino mode uid gid size mtime ctime PATH`: the file as it was; `I dev ino mode uid gid PATH`: the same object, whatever is in it;
 * `D PATH`: there is such a folder, and paths of `S` and `I` without a leading / begin there from here on; `H sha256 PATH`: a file of /proc or
 * /sys that says the same; `A PATH`: nothing is there; `U PATH`: it cannot be read. */
bool stamp_holds(char *line);

#endif
