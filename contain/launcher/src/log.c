/* Errors in a log as engines read it. */
#include "log.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel_calls.h"
#include "operation.h"

#define LINE_SIZE 4096

static size_t quote(char *out, size_t size, const char *text) {
    size_t used = 0;
    for (; *text && used + 8 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            out[used++] = '\\';
        out[used++] = c < 0x20 ? ' ' : (char)c;
    }
    out[used] = 0;
    return used;
}

static void rfc3339(char *out, size_t size) {
    time_t now = time(NULL);
    struct tm parts;
    if (!gmtime_r(&now, &parts) || strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        out[0] = 0;
}

void log_error(const char *path, const char *format, const char *words) {
    char line[LINE_SIZE];
    char quoted[LINE_SIZE / 2];
    char now[40];
    if (!path)
        return;
    bool json = format && strcmp(format, "json") == 0;
    quote(quoted, sizeof quoted, words);
    rfc3339(now, sizeof now);
    const char *const as_json[] = {"{\"level\":\"error\",\"msg\":\"", quoted, "\",\"time\":\"", now, "\"}\n", NULL};
    const char *const as_text[] = {"time=\"", now, "\" level=error msg=\"", quoted, "\"\n", NULL};
    join_words(line, sizeof line, json ? as_json : as_text);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0)
        return;
    (void)!write(log, line, strlen(line));
    close(log);
}
