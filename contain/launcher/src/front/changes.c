/* start and delete: the verbs that change a container and need no Python, unless hooks are to be run. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../kernel_calls.h"
#include "../lifecycle.h"
#include "../log.h"
#include "../paths.h"
#include "../undo.h"
#include "front.h"

#define LINE_SIZE 4096

/* As runc does: a line of the log, and the plain words on stderr. */
int report_error(const struct request *request, const char *words) {
    char line[LINE_SIZE];
    join_words(line, sizeof line - 1, (const char *const[]){words, NULL});
    make_printable(line);
    log_error(request->log, request->log_format, line);
    strcat(line, "\n");
    (void)!write(STDERR_FILENO, line, strlen(line));
    return 1;
}

static bool has_hook(const struct folder *folder, const char *name) {
    const char *hooks = folder_value(folder, "hooks");
    return hooks && strstr(hooks, name);
}

int answer_start(const struct request *request) {
    static struct folder folder;
    char detail[DETAIL_SIZE];
    int turn = -1;
    bool hooks_elsewhere = request->count == 2 && strcmp(request->words[0], "--no-hooks") == 0; /* Python runs them after us */
    const char *id = request->count > 0 ? request->words[request->count - 1] : "-";
    if (request->count != 1 + hooks_elsewhere || id[0] == '-')
        return -1;
    if (!hooks_elsewhere && getenv("NOTIFY_SOCKET"))
        return -1; /* Python waits for READY=1 */
    const char *no = lifecycle_adopt(&folder, request->root, id, "start", false, &turn, detail);
    if (no || (!hooks_elsewhere && has_hook(&folder, "poststart"))) {
        if (turn >= 0)
            close(turn);
        return -1;
    }
    no = lifecycle_open_gate(folder.fd, folder.pidfd, detail);
    if (no) {
        char words[DETAIL_SIZE + 64];
        lifecycle_kill(&folder);
        join_words(words, sizeof words, (const char *const[]){"cannot start container: ", no, NULL});
        return report_error(request, words);
    }
    return folder_set_status(&folder, STATUS_RUNNING) == 0 ? 0 : report_error(request, "cannot write the container's state");
}

int answer_delete(const struct request *request) {
    static struct folder folder;
    char detail[DETAIL_SIZE];
    const char *id = NULL;
    bool force = false;
    int turn = -1;
    for (int i = 0; i < request->count; i++) {
        if (strcmp(request->words[i], "--force") == 0 || strcmp(request->words[i], "-f") == 0)
            force = true;
        else if (request->words[i][0] == '-' || id)
            return -1;
        else
            id = request->words[i];
    }
    if (!id)
        return -1;
    const char *no = lifecycle_adopt(&folder, request->root, id, "delete", force, &turn, detail);
    const char *monitor = folder_value(&folder, "monitor");
    if (no || has_hook(&folder, "poststop") || (monitor && monitor[0])) {
        if (turn >= 0)
            close(turn);
        return -1; /* the words of a refusal, hooks, and a monitor that must be asked: Python's */
    }
    no = lifecycle_kill(&folder);
    if (no)
        return report_error(request, no);
    int error = undo_all(folder.fd, folder.pid);
    if (!error)
        error = folder_remove(request->root, id);
    if (!error)
        return 0;
    join_words(detail, sizeof detail, (const char *const[]){"cannot delete container ", id, ": ", strerror(error), NULL});
    return report_error(request, detail);
}
