#include "stamps.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../paths.h"
#include "sha256.h"

#define TEXT_SIZE (1 << 20)

/* The next number of a line, and behind it. */
static unsigned long long number(char **at) {
    unsigned long long value = strtoull(*at, at, 10);
    if (**at == ' ')
        ++*at;
    return value;
}

static unsigned long long nanoseconds(const struct timespec *t) {
    return (unsigned long long)t->tv_sec * 1000000000ULL + (unsigned long long)t->tv_nsec;
}

static bool file_holds(int folder, char *at, bool content) {
    unsigned long long wanted[8];
    struct stat st;
    int count = content ? 8 : 5;
    for (int i = 0; i < count; i++)
        wanted[i] = number(&at);
    if (fstatat(folder, at, &st, 0) < 0)
        return false;
    unsigned long long found[8] = {st.st_dev,
                                   st.st_ino,
                                   st.st_mode,
                                   st.st_uid,
                                   st.st_gid,
                                   (unsigned long long)st.st_size,
                                   nanoseconds(&st.st_mtim),
                                   nanoseconds(&st.st_ctim)};
    return memcmp(wanted, found, (size_t)count * sizeof *found) == 0;
}

/* Of /proc/self/status only what decides what we may do: the rest changes from run to run. */
static bool matters(const char *path, const char *line) {
    static const char *const names[] = {"Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp:", NULL};
    if (strcmp(path, "/proc/net/unix") == 0) { /* sockets that listen and have a name */
        const char *slash = strchr(line, '/');
        return slash && strstr(line, " 00010000 ");
    }
    if (strcmp(path, "/proc/self/status") != 0)
        return true;
    for (int i = 0; names[i]; i++)
        if (strncmp(line, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static bool text_holds(char *at) {
    static char text[TEXT_SIZE];
    struct sha256 hash;
    char found[65];
    char *wanted = at;
    char *path = strchr(at, ' ');
    if (!path)
        return false;
    *path++ = 0;
    bool filtered = strcmp(path, "/proc/self/status") == 0 || strcmp(path, "/proc/net/unix") == 0;
    ssize_t size = read_file_at(AT_FDCWD, path, text, sizeof text);
    if (size < 0 || size >= TEXT_SIZE - 1)
        return false;
    size_t length = strlen(path);
    if (length > 13 && strcmp(path + length - 13, "/cgroup.procs") == 0) { /* whether somebody is there, not who */
        strcpy(text, size > 0 ? "x" : "");
        size = size > 0;
    }
    sha256_start(&hash);
    if (!filtered)
        sha256_add(&hash, text, (size_t)size);
    for (char *line = text; filtered && line < text + size;) {
        char *end = strchr(line, '\n');
        end = end ? end : text + size;
        *end = 0;
        const char *part = matters(path, line) ? (line[0] && path[6] == 'n' ? strchr(line, '/') : line) : NULL;
        if (part)
            sha256_add(&hash, part, strlen(part) + 1);
        line = end + 1;
    }
    sha256_hex(&hash, found);
    return strcmp(found, wanted) == 0;
}

bool stamp_holds(char *line) {
    static int folder = AT_FDCWD;
    struct stat st;
    if (line[0] == 0 || line[1] != ' ')
        return false;
    switch (line[0]) {
    case 'D':
        folder = open(line + 2, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return folder >= 0;
    case 'S':
        return file_holds(folder, line + 2, true);
    case 'I':
        return file_holds(folder, line + 2, false);
    case 'H':
        return text_holds(line + 2);
    case 'A':
        return stat(line + 2, &st) < 0 && errno == ENOENT;
    case 'U':
        return read_file_at(AT_FDCWD, line + 2, (char[64]){0}, 64) < 0;
    default:
        return false;
    }
}
