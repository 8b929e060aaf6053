/* A file here is as long as all that was said, and a hole in the middle of it: offsets in the file are offsets in the stream, so that readers
 * can follow it, and the disk holds no more than is kept. contain/container/log.py reads it. */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 65536
/* How much more than is kept may be there: a reader that has asked for the size still finds what belongs to it (log.py, SLACK). */
#define SLACK (1 << 20)
#define BLOCK 4096
#define LAST_ROUNDS 64 /* more than a pipe holds; somebody else may have got the other end, and write for ever */

bool capture_parse(struct context *context, const char *text) {
    struct capture *capture = &context->captures[0];
    int64_t numbers[5];
    if (context->captures[0].to > 0)
        capture = &context->captures[1];
    for (int i = 0; i < 5; i++) {
        char *end;
        numbers[i] = strtoll(text, &end, 10);
        if (end == text || numbers[i] < 0 || *end != (i < 4 ? ',' : 0))
            return false;
        text = end + 1;
    }
    if (capture->to > 0 || numbers[0] < 3 || numbers[1] < 3)
        return false;
    *capture = (struct capture){
        .from = (int)numbers[0],
        .to = (int)numbers[1],
        .head = numbers[2],
        .tail = numbers[3],
        .kills = numbers[4] != 0,
    };
    capture->punched = capture->head;
    return true;
}

static bool is_open(const struct capture *capture) {
    return capture->to > 0 && capture->from > 0;
}

bool capture_has(const struct context *context, int fd) {
    for (int i = 0; i < CAPTURE_COUNT; i++)
        if (context->captures[i].to > 0 && (fd == context->captures[i].from || fd == context->captures[i].to))
            return true;
    return false;
}

void capture_poll(const struct context *context, struct pollfd *polled) {
    for (int i = 0; i < CAPTURE_COUNT; i++)
        polled[i] = (struct pollfd){.fd = is_open(&context->captures[i]) ? context->captures[i].from : -1, .events = POLLIN};
}

/* All of it, or as much as the disk takes: what does not fit is lost, and the container goes on. */
static void write_at(int fd, const char *data, size_t size, int64_t at) {
    while (size > 0) {
        ssize_t done = pwrite(fd, data, size, at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        data += done;
        size -= (size_t)done;
        at += done;
    }
}

/* Only the first bytes are kept: one more says that there were more. */
static bool keep_head(struct capture *capture, const char *data, size_t size) {
    int64_t room = capture->head - capture->size;
    if (room > 0)
        write_at(capture->to, data, (int64_t)size < room ? size : (size_t)room, capture->size);
    if ((int64_t)size > room && !capture->over) {
        capture->over = true;
        (void)!ftruncate(capture->to, capture->head + 1);
    }
    capture->size += (int64_t)size;
    return capture->over && capture->kills;
}

/* Whole blocks between head and tail go. A file system that knows no holes keeps the head alone. */
static void punch(struct capture *capture) {
    int64_t first = (capture->punched + BLOCK - 1) / BLOCK * BLOCK;
    int64_t end = (capture->size - capture->tail - SLACK) / BLOCK * BLOCK;
    if (end - first < SLACK)
        return;
    if (fallocate(capture->to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first, end - first) < 0)
        capture->lost = true;
    capture->punched = end;
}

static bool take(struct capture *capture) {
    static char data[PIECE];
    ssize_t got = read(capture->from, data, sizeof data);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        close(capture->from);
        capture->from = -1;
        return false;
    }
    if (capture->tail == 0)
        return keep_head(capture, data, (size_t)got);
    if (!capture->lost)
        write_at(capture->to, data, (size_t)got, capture->size);
    capture->size += got;
    punch(capture);
    return false;
}

bool capture_handle(struct context *context, const struct pollfd *polled) {
    bool ends = false;
    for (int i = 0; i < CAPTURE_COUNT; i++)
        if (polled[i].fd >= 0 && polled[i].revents && is_open(&context->captures[i]))
            ends |= take(&context->captures[i]);
    return ends;
}

void capture_finish(struct context *context) {
    struct pollfd polled[CAPTURE_COUNT];
    for (int round = 0; round < LAST_ROUNDS; round++) {
        capture_poll(context, polled);
        if (poll(polled, CAPTURE_COUNT, 0) <= 0)
            return;
        capture_handle(context, polled);
    }
}
