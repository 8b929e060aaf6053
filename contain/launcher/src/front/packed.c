/* The file that has all modules of a verb (contain/packed/read.py, which is its head). It runs with its owner's rights, so nobody else's is
 * ever taken, and only by the interpreter that it was made for: another one would refuse its code, or worse. It holds while every module is what it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"
#include "../paths.h"
#include "front.h"

#ifndef CONTAIN_PYTHON
#define CONTAIN_PYTHON "3"
#endif

enum { PLACE = 150, LINES = 1 << 18 };

/* As contain/packed/read.py has it. */
struct tail {
    uint64_t inode, size, mtime;
    uint64_t start, end;
    char word[8];
};

/* As contain/packed/write.py, name_of(). */
static void name_pack(char *name, size_t size, const char *verb, const char *package) {
    static const char entry[] = "/contain/__main__.py";
    size_t length = strlen(package) - (sizeof entry - 1);
    size_t skipped = length > PLACE ? length - PLACE : 0;
    char place[PLACE + 1];
    size_t kept = length - skipped;
    memcpy(place, package + skipped, kept);
    place[kept] = 0;
    for (char *at = place; *at; at++)
        if (*at == '/')
            *at = '+';
    join_words(name, size, (const char *const[]){".pack-", verb, "-", CONTAIN_PYTHON, place, NULL});
}

static bool is_file(const char *path, uint64_t inode, uint64_t size, uint64_t mtime) {
    struct stat st;
    return stat(path, &st) == 0 && st.st_ino == inode && (uint64_t)st.st_size == size &&
           (uint64_t)st.st_mtim.tv_sec * 1000000000U + (uint64_t)st.st_mtim.tv_nsec == mtime;
}

/* Lines of inode, size, mtime and path, behind the first one: whether every module is what it was. */
static bool lines_hold(char *line) {
    line = strchr(line, '\n');
    while (line && line[1]) {
        line++;
        char *end = strchr(line, '\n');
        uint64_t numbers[3];
        if (!end)
            return false;
        *end = 0;
        for (int i = 0; i < 3; i++) {
            numbers[i] = strtoull(line, &line, 10);
            if (*line++ != ' ')
                return false;
        }
        if (!is_file(line, numbers[0], numbers[1], numbers[2]))
            return false;
        line = end;
    }
    return line != NULL;
}

static bool holds(int fd, const char *python) {
    static char lines[LINES];
    struct stat st;
    struct tail tail;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size < (off_t)sizeof tail)
        return false;
    uint64_t last = (uint64_t)st.st_size - sizeof tail;
    if (pread(fd, &tail, sizeof tail, (off_t)last) != (ssize_t)sizeof tail || memcmp(tail.word, "CONTPCK1", 8) != 0)
        return false;
    if (tail.end > last || last - tail.end >= sizeof lines || !is_file(python, tail.inode, tail.size, tail.mtime))
        return false;
    return pread(fd, lines, last - tail.end, (off_t)tail.end) == (ssize_t)(last - tail.end) && lines_hold(lines);
}

int find_pack(const char *verb, const char *package, const char *python) {
    char root[4096], name[512];
    const char *off = getenv("CONTAIN_CACHE");
    if (getenv("CONTAIN_DEBUG")) /* a pack's functions know no lines */
        return -1;
    if ((off && strcmp(off, "0") == 0) || strlen(verb) > 32 || strspn(verb, "abcdefghijklmnopqrstuvwxyz") != strlen(verb))
        return -1;
    default_root(root, sizeof root);
    int cache = open_cache(root);
    if (cache < 0)
        return -1;
    name_pack(name, sizeof name, verb, package);
    int fd = openat(cache, name, O_RDONLY | O_NOFOLLOW); /* the interpreter gets it: its path may lead nowhere by then */
    close(cache);
    if (fd >= 0 && (fd < 3 || !holds(fd, python))) {
        close(fd);
        return -1;
    }
    return fd;
}
