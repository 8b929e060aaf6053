#include "paths.h"

#include <string.h>
#include <unistd.h>

#include "kernel_calls.h"

void format_number(char *buffer, size_t size, long number) {
    char digits[24];
    size_t count = 0;
    size_t used = 0;
    unsigned long left = number < 0 ? 0UL - (unsigned long)number : (unsigned long)number;
    do
        digits[count++] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        digits[count++] = '-';
    while (count > 0 && used + 1 < size)
        buffer[used++] = digits[--count];
    buffer[used] = 0;
}

int write_file_at(int folder, const char *path, const char *text) {
    size_t size = strlen(text);
    int fd = openat(folder, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno;
    ssize_t done;
    do
        done = write(fd, text, size);
    while (done < 0 && errno == EINTR);
    int error = done < 0 ? errno : (size_t)done != size ? EIO : 0;
    close(fd);
    return error;
}

/* A file of /proc/sys has the kernel make, and fill with zeros, a buffer of the size that is asked for: 30 us for a megabyte. */
static size_t chunk(size_t left) {
    return left < 4096 ? left : 4096;
}

ssize_t read_file_at(int folder, const char *path, char *buffer, size_t size) {
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -1;
    size_t used = 0;
    ssize_t got = 0;
    while (used + 1 < size && (got = read(fd, buffer + used, chunk(size - 1 - used))) > 0)
        used += (size_t)got;
    close(fd);
    buffer[used] = 0;
    return got < 0 ? -1 : (ssize_t)used;
}
