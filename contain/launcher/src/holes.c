/* Texts with holes (contain/state/layout.py): what is known only at run time, between two bytes \x01. */
#include <string.h>
#include <time.h>

#include "operation.h"
#include "paths.h"

#define HOLE '\x01'

/* Days since 1970-01-01 as a date: https://howardhinnant.github.io/date_algorithms.html, civil_from_days. */
static void format_date(int64_t days, char date[11]) {
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : -9;
    year += era * 400 + (month <= 2);
    const int64_t digits[] = {year / 1000, year / 100, year / 10, year, -1, month / 10, month, -1, day / 10, day};
    for (int i = 0; i < 10; i++)
        date[i] = digits[i] < 0 ? '-' : (char)('0' + digits[i] % 10);
    date[10] = 0;
}

/* RFC 3339, UTC, nine digits of a second. */
static void format_instant(int64_t seconds, int64_t nanoseconds, char *buffer, size_t size) {
    char date[11];
    char clock[] = "T00:00:00.000000000Z";
    int64_t of_day = seconds % 86400;
    const int64_t parts[] = {of_day / 3600, of_day / 60 % 60, of_day % 60};
    format_date(seconds / 86400, date);
    for (int i = 0; i < 3; i++) {
        clock[1 + 3 * i] = (char)('0' + parts[i] / 10);
        clock[2 + 3 * i] = (char)('0' + parts[i] % 10);
    }
    for (int i = 18; i >= 10; i--, nanoseconds /= 10)
        clock[i] = (char)('0' + nanoseconds % 10);
    join_words(buffer, size, (const char *const[]){date, clock, NULL});
}

/* "PID START" of a process, or its start time alone. Nothing when it is gone. */
static void format_process(pid_t pid, bool both, char *buffer, size_t size) {
    char number[16];
    char path[32];
    char text[1024];
    format_number(number, sizeof number, pid);
    join_words(path, sizeof path, (const char *const[]){"/proc/", number, "/stat", NULL});
    buffer[0] = 0;
    if (pid <= 0 || read_file_at(-1, path, text, sizeof text) < 0)
        return;
    char *at = strrchr(text, ')'); /* the name may have blanks and parentheses; field 22 is the 20th behind it */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return;
    char *end = strchr(++at, ' ');
    if (end)
        *end = 0;
    join_words(buffer, size, (const char *const[]){both ? number : "", both ? " " : "", at, NULL});
}

static void fill_one(const struct context *context, const char *name, const char *status, char *value, size_t size) {
    const struct shared *shared = context->shared;
    struct timespec now;
    bool stopped = status && strcmp(status, "stopped") == 0;
    bool watched = !stopped && (!context->watch.leave || !status || strcmp(status, "creating") == 0);
    value[0] = 0;
    if (strcmp(name, "pid") == 0)
        format_number(value, size, stopped ? 0 : shared->init_pid);
    else if (strcmp(name, "start") == 0)
        format_process(stopped ? 0 : shared->init_pid, false, value, size);
    else if (strcmp(name, "status") == 0)
        join_words(value, size, (const char *const[]){status ? status : "", NULL});
    else if (strcmp(name, "created") == 0)
        format_instant(shared->created, shared->created_nanoseconds, value, size);
    else if (strcmp(name, "finished") == 0 && stopped && clock_gettime(CLOCK_REALTIME, &now) == 0)
        format_instant(now.tv_sec, now.tv_nsec, value, size);
    else if (strcmp(name, "boot") == 0 && read_file_at(-1, "/proc/sys/kernel/random/boot_id", value, size) > 0)
        value[strcspn(value, "\n")] = 0;
    else if (strcmp(name, "monitor") == 0)
        format_process(watched ? shared->monitor_pid : 0, true, value, size);
    else if (strcmp(name, "guardian") == 0)
        format_process(watched ? shared->guardian_pid : 0, true, value, size);
    else if (strcmp(name, "token") == 0)
        join_words(value, size, (const char *const[]){shared->token, NULL});
    else if (strcmp(name, "id") == 0)
        join_words(value, size, (const char *const[]){shared->id, NULL});
}

char *fill_holes(const struct context *context, const char *text, const char *status, char *buffer, size_t size) {
    size_t used = 0;
    while (*text && used + 1 < size) {
        if (*text != HOLE) {
            buffer[used++] = *text++;
            continue;
        }
        char name[16] = "";
        char value[ID_SIZE];
        size_t length = strcspn(++text, "\x01");
        if (length < sizeof name)
            memcpy(name, text, length);
        text += length + (text[length] == HOLE);
        fill_one(context, name, status, value, sizeof value);
        for (const char *at = value; *at && used + 1 < size; at++)
            buffer[used++] = *at;
    }
    buffer[used] = 0;
    return buffer;
}
