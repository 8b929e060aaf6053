#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../operation.h"
#include "../paths.h"
#include "../lifecycle.h"
#include "front.h"

#define TEMPLATE_SIZE 65536

static bool write_all(const char *text, size_t size) {
    while (size > 0) {
        ssize_t done = write(STDOUT_FILENO, text, size);
        if (done <= 0)
            return false;
        text += done;
        size -= (size_t)done;
    }
    return true;
}

static int answer_state(const struct request *request) {
    static struct folder folder;
    static char template[TEMPLATE_SIZE];
    static char out[TEMPLATE_SIZE + 1024];
    if (request->count != 1 || request->words[0][0] == '-' || !folder_open(&folder, request->root, request->words[0]))
        return -1;
    ssize_t got = read_file_at(folder.fd, "template", template, sizeof template);
    size_t size = got > 0 && got < TEMPLATE_SIZE - 1 ? folder_fill(&folder, template, out, sizeof out) : 0;
    folder_close(&folder);
    if (size == 0)
        return -1;
    return write_all(out, size) ? 0 : 1;
}

static int answer_kill(const struct request *request) {
    static struct folder folder;
    if (request->count < 1 || request->count > 2 || request->words[0][0] == '-' || (request->count == 2 && request->words[1][0] == '-'))
        return -1;
    int number = request->count == 2 ? signal_number(request->words[1]) : SIGTERM;
    if (number == 0 || !folder_open(&folder, request->root, request->words[0]))
        return -1;
    /* a paused one must be thawed by SIGKILL, a stopped one refused in the right words: Python's */
    bool plain = folder.pidfd >= 0 && (folder.status == STATUS_RUNNING || folder.status == STATUS_CREATED);
    int code = plain && sys_pidfd_send_signal(folder.pidfd, number) == 0 ? 0 : -1;
    folder_close(&folder);
    return code;
}

int answer_request(const struct request *request) {
    if (strcmp(request->verb, "state") == 0)
        return answer_state(request);
    if (strcmp(request->verb, "kill") == 0)
        return answer_kill(request);
    if (strcmp(request->verb, "start") == 0)
        return answer_start(request);
    if (strcmp(request->verb, "delete") == 0)
        return answer_delete(request);
    return -1;
}
