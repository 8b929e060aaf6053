/* The file that has all modules of a verb (contain/packed/read.py, which is its head). It runs with its owner's rights, so nobody else's is
 * ever taken, and only by the interpreter that it was made for: another one would refuse its code, or worse. */
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

enum { PLACE = 150 };

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

static bool is_made_for(int fd, const char *python) {
    struct stat st, made_for;
    struct tail tail;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size < (off_t)sizeof tail)
        return false;
    if (pread(fd, &tail, sizeof tail, st.st_size - (off_t)sizeof tail) != (ssize_t)sizeof tail || memcmp(tail.word, "CONTPCK1", 8) != 0)
        return false;
    return stat(python, &made_for) == 0 && made_for.st_ino == tail.inode && (uint64_t)made_for.st_size == tail.size &&
           (uint64_t)made_for.st_mtim.tv_sec * 1000000000U + (uint64_t)made_for.st_mtim.tv_nsec == tail.mtime;
}

bool find_pack(char *path, size_t size, const char *verb, const char *package, const char *python) {
    char root[4096], name[512];
    const char *off = getenv("CONTAIN_CACHE");
    if ((off && strcmp(off, "0") == 0) || strlen(verb) > 32 || strspn(verb, "abcdefghijklmnopqrstuvwxyz") != strlen(verb))
        return false;
    default_root(root, sizeof root);
    int cache = open_cache(root);
    if (cache < 0)
        return false;
    name_pack(name, sizeof name, verb, package);
    int fd = openat(cache, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool found = fd >= 0 && is_made_for(fd, python) && strlen(root) + strlen(name) + 16 < size;
    if (found)
        join_words(path, size, (const char *const[]){root, "-plans/", name, NULL});
    if (fd >= 0)
        close(fd);
    close(cache);
    return found;
}
