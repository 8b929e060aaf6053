#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"
#include "../paths.h"
#include "front.h"

static const char *value_of(char **argv, int *index, const char *name) {
    size_t length = strlen(name);
    if (strcmp(argv[*index], name) == 0)
        return argv[*index + 1] ? argv[++*index] : NULL;
    if (strncmp(argv[*index], name, length) == 0 && argv[*index][length] == '=')
        return argv[*index] + length + 1;
    return NULL;
}

/* Root of another user namespace than the host's is an ordinary user: Podman calls us so. */
static bool is_mapped_root(void) {
    char map[128];
    ssize_t got = read_file_at(AT_FDCWD, "/proc/self/uid_map", map, sizeof map);
    return got > 0 && strcmp(map, "         0          0 4294967295\n") != 0;
}

void default_root(char *root, size_t size) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char uid[16];
    if (geteuid() == 0 && !(runtime && runtime[0] == '/' && is_mapped_root()))
        join_words(root, size, (const char *const[]){"/run/contain", NULL});
    else if (runtime && runtime[0] == '/')
        join_words(root, size, (const char *const[]){runtime, "/contain", NULL});
    else {
        format_number(uid, sizeof uid, (long)geteuid());
        join_words(root, size, (const char *const[]){"/tmp/contain-", uid, NULL});
    }
}

bool parse_request(int argc, char **argv, struct request *request) {
    *request = (struct request){0};
    default_root(request->root, sizeof request->root);
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char *value;
        if (strncmp(argv[i], "--rootless=", 11) == 0 || strcmp(argv[i], "--systemd-cgroup") == 0 || strcmp(argv[i], "--debug") == 0)
            continue;
        if ((value = value_of(argv, &i, "--root")))
            join_words(request->root, sizeof request->root, (const char *const[]){value, NULL});
        else if ((value = value_of(argv, &i, "--log")))
            request->log = value;
        else if ((value = value_of(argv, &i, "--log-format")))
            request->log_format = value;
        else
            return false;
    }
    if (i >= argc || (request->log_format && strcmp(request->log_format, "json") != 0 && strcmp(request->log_format, "text") != 0))
        return false;
    request->verb = argv[i];
    request->count = argc - i - 1;
    request->words = argv + i + 1;
    return true;
}

int signal_number(const char *text) {
    static const char *const names[] = {
        "",       "HUP",  "INT",  "QUIT", "ILL",  "TRAP", "ABRT", "BUS", "FPE",  "KILL", "USR1",   "SEGV", "USR2",  "PIPE", "ALRM", "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS",
    };
    char *end;
    long number = strtol(text, &end, 10);
    if (*text && !*end)
        return number > 0 && number <= 64 ? (int)number : 0;
    if (strncmp(text, "SIG", 3) == 0)
        text += 3;
    for (int i = 1; i < 32; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return 0;
}
