/* Small files and paths, by descriptor. */
#ifndef PATHS_H
#define PATHS_H

#include <stddef.h>
#include <sys/types.h>

void format_number(char *buffer, size_t size, long number);
/* Writes `text` in one write(2); follows no link. 0 or an errno. */
int write_file_at(int folder, const char *path, const char *text);
/* Reads at most size - 1 bytes and ends them with NUL. The length, or -1. */
ssize_t read_file_at(int folder, const char *path, char *buffer, size_t size);

#endif
