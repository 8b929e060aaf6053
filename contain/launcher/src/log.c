/* Errors in a log as engines read it. */
#include "log.h"

#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel_calls.h"
#include "operation.h"

#define LINE_SIZE 4096

/* The code point that begins here and its size in bytes; size 0: none does. */
static uint32_t code_point(const unsigned char *at, size_t *size) {
    size_t count = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
    uint32_t code = count < 2 ? at[0] : at[0] & (0x7fU >> count);
    *size = 0;
    for (size_t i = 1; i < count; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fU);
    }
    if ((count == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) || (count == 4 && (code < 0x10000 || code > 0x10ffff)))
        return 0;
    *size = count;
    return code;
}

/* Unicode's categories Cc, Cf, Zl and Zp, as far as terminals and editors act on them. */
static bool is_hidden(uint32_t code) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e},   {0x200b, 0x200f},
        {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

void make_printable(char *line) {
    char *out = line;
    while (*line) {
        size_t size;
        uint32_t code = code_point((const unsigned char *)line, &size);
        if (size == 0 || is_hidden(code)) {
            *out++ = '?';
            line += size ? size : 1;
            continue;
        }
        memmove(out, line, size);
        out += size;
        line += size;
    }
    *out = 0;
}

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

static void put_number(char *out, int value, int digits) {
    for (; digits > 0; value /= 10)
        out[--digits] = (char)('0' + value % 10);
}

/* By hand: strftime brings 8 kB with it that each sleeping container would hold. */
static void rfc3339(char out[static 21]) {
    time_t now = time(NULL);
    struct tm parts;
    if (!gmtime_r(&now, &parts)) {
        out[0] = 0;
        return;
    }
    strcpy(out, "0000-00-00T00:00:00Z");
    put_number(out, parts.tm_year + 1900, 4);
    put_number(out + 5, parts.tm_mon + 1, 2);
    put_number(out + 8, parts.tm_mday, 2);
    put_number(out + 11, parts.tm_hour, 2);
    put_number(out + 14, parts.tm_min, 2);
    put_number(out + 17, parts.tm_sec, 2);
}

void log_error(const char *path, const char *format, const char *words) {
    char line[LINE_SIZE];
    char quoted[LINE_SIZE / 2];
    char now[21];
    if (!path)
        return;
    bool json = format && strcmp(format, "json") == 0;
    quote(quoted, sizeof quoted, words);
    rfc3339(now);
    const char *const as_json[] = {"{\"level\":\"error\",\"msg\":\"", quoted, "\",\"time\":\"", now, "\"}\n", NULL};
    const char *const as_text[] = {"time=\"", now, "\" level=error msg=\"", quoted, "\"\n", NULL};
    join_words(line, sizeof line, json ? as_json : as_text);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0)
        return;
    (void)!write(log, line, strlen(line));
    close(log);
}
