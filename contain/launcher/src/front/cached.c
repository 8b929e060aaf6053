/* `contain run`, when the same words were planned before and nothing that the plan depends on has changed: no Python at all.
 * The cache is a folder that only its owner can enter; a plan in it runs with the owner's rights, so nobody else's is ever taken. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"
#include "../paths.h"
#include "front.h"
#include "sha256.h"
#include "stamps.h"

#define MAGIC "contain plan 1\n"
#define WORDS 64
#define PLAN_WORD "\x01plan"

extern char **environ;

/* Variables that change from command to command in one shell and mean nothing to a run. */
static bool is_noise(const char *variable) {
    static const char *const names[] = {"_=", "OLDPWD=", "PWD=", "SHLVL=", "CONTAIN_PLAN_KEY=", NULL};
    for (int i = 0; names[i]; i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static bool make_key(int argc, char **argv, char key[65]) {
    struct sha256 hash;
    char cwd[4096];
    char uid[16];
    if (!getcwd(cwd, sizeof cwd))
        return false;
    format_number(uid, sizeof uid, (long)geteuid());
    sha256_start(&hash);
    sha256_add(&hash, operations_digest, sizeof operations_digest);
    sha256_add(&hash, uid, strlen(uid) + 1);
    sha256_add(&hash, cwd, strlen(cwd) + 1);
    for (int i = 0; i < argc; i++) /* our own name too: a link named runc has another contract */
        sha256_add(&hash, argv[i], strlen(argv[i]) + 1);
    sha256_add(&hash, "", 1);
    for (char **variable = environ; *variable; variable++)
        if (!is_noise(*variable))
            sha256_add(&hash, *variable, strlen(*variable) + 1);
    sha256_hex(&hash, key);
    return true;
}

/* As contain/container/cache.py folder(). */
int open_cache(const char *root) {
    char path[4200];
    struct stat st;
    join_words(path, sizeof path, (const char *const[]){root, "-plans", NULL});
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static char *read_entry(int cache, const char *key, size_t *size) {
    struct stat st;
    int fd = openat(cache, key, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    void *data = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_size > 32) {
        *size = (size_t)st.st_size;
        data = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    }
    if (fd >= 0)
        close(fd);
    return data == MAP_FAILED ? NULL : data;
}

/* A run whose monitor and guardian died together is swept by the next command: that is Python's work. */
static bool something_to_sweep(const char *root) {
    int top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = top >= 0 ? fdopendir(top) : NULL;
    bool found = false;
    for (struct dirent *entry; !found && entries && (entry = readdir(entries));) {
        char path[300];
        if (entry->d_name[0] == '.') {
            found = strncmp(entry->d_name, ".dead-", 6) == 0;
            continue;
        }
        join_words(path, sizeof path, (const char *const[]){entry->d_name, "/monitored", NULL});
        if (faccessat(top, path, F_OK, 0) < 0)
            continue;
        join_words(path, sizeof path, (const char *const[]){entry->d_name, "/lock", NULL});
        int lock = openat(top, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        found = lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0;
        if (lock >= 0)
            close(lock);
    }
    if (entries)
        closedir(entries);
    return found;
}

static int sealed_memory(const char *name, const void *data, size_t size, unsigned executable) {
    int fd = (int)syscall(SYS_memfd_create, name, 3U /* close-on-exec, sealable */ | executable);
    if (fd < 0 && executable)
        fd = (int)syscall(SYS_memfd_create, name, 3U); /* before 6.3 there is no MFD_EXEC */
    for (const char *at = data; fd >= 0 && size > 0;) {
        ssize_t done = write(fd, at, size);
        if (done <= 0) {
            close(fd);
            return -1;
        }
        at += done;
        size -= (size_t)done;
    }
    if (fd >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int sealed_program(void) {
    struct stat st;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    void *data = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &st) == 0)
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0)
        close(fd);
    return data == MAP_FAILED ? -1 : sealed_memory("contain-launcher", data, (size_t)st.st_size, 0x10U);
}

static void become_launcher(char **words, const char *plan, size_t size) {
    char number[16];
    int planfd = sealed_memory("plan", plan, size, 0);
    int program = sealed_program();
    if (planfd < 0 || program < 0 || fcntl(planfd, F_SETFD, 0) < 0)
        return;
    format_number(number, sizeof number, planfd);
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], PLAN_WORD) == 0)
            words[i] = number;
    syscall(SYS_execveat, program, "", words, environ, AT_EMPTY_PATH);
}

/* Lines of stamps and words up to an empty one, then the plan. Returns only when the entry is stale. */
static void try_entry(char *entry, size_t size) {
    char *words[WORDS + 1] = {NULL};
    int count = 0;
    char *end = entry + size;
    if (strncmp(entry, MAGIC, strlen(MAGIC)) != 0)
        return;
    for (char *line = entry + strlen(MAGIC); line < end;) {
        char *next = memchr(line, '\n', (size_t)(end - line));
        if (!next)
            return;
        *next++ = 0;
        if (*line == 0) {
            become_launcher(words, next, (size_t)(end - next));
            return;
        }
        if (line[0] == 'W' && line[1] == ' ' && count < WORDS)
            words[count++] = line + 2;
        else if (!stamp_holds(line))
            return;
        line = next;
    }
}

bool is_restricted(void) {
    char text[8];
    ssize_t got = read_file_at(AT_FDCWD, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", text, sizeof text);
    return geteuid() != 0 && got > 0 && text[0] != '0';
}

void run_cached(int argc, char **argv) {
    struct request request;
    char key[65];
    char *options[] = {argv[0], argv[1], NULL};
    const char *off = getenv("CONTAIN_CACHE");
    size_t size;
    if (argc < 3 || strcmp(argv[1], "run") != 0 || (off && strcmp(off, "0") == 0) || is_restricted())
        return;
    if (!parse_request(2, options, &request) || !make_key(argc, argv, key))
        return;
    int cache = open_cache(request.root);
    char *entry = cache >= 0 ? read_entry(cache, key, &size) : NULL;
    if (entry && !something_to_sweep(request.root))
        try_entry(entry, size);
    if (cache >= 0)
        close(cache);
    setenv("CONTAIN_PLAN_KEY", key, 1); /* Python keeps its plan under this name */
}
