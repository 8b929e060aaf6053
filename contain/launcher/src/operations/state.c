/* The state folder; contain/state/layout.py is the page that says what stands in it. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../actors.h"
#include "../kernel_calls.h"
#include "../operation.h"
#include "../paths.h"
#include "../sockets.h"
#include "../undo.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif
#define CLAIMS 16 /* a sweep may take a note that is not locked yet for one of the dead, and remove it */
#define TURN_PATIENCE 10000 /* ms that somebody else may take for a change of the container */
#define TEXT_SIZE (1 << 20) /* a filled template or summary; compile refuses more (LONGEST) */

static int write_all(int fd, const char *text) {
    for (size_t left = strlen(text); left > 0;) {
        ssize_t done = write(fd, text, left);
        if (done <= 0)
            return done < 0 ? errno : EIO;
        text += done;
        left -= (size_t)done;
    }
    return 0;
}

static int create_file(int folder, const char *name, const char *text) {
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int error = write_all(fd, text);
    close(fd);
    return error;
}

/* All missing folders on the way, for us alone. What is there already is taken as it is. */
static void make_parents(const char *path) {
    char part[4096];
    size_t length = strlen(path);
    if (length >= sizeof part)
        return;
    memcpy(part, path, length + 1);
    for (char *at = part + 1; (at = strchr(at, '/')); *at++ = '/') {
        *at = 0;
        mkdir(part, 0755);
    }
}

/* The folder of all containers: ours, and nobody else may write to it (in /tmp somebody may have been quicker). */
static int open_root(struct context *context, const char *path) {
    struct stat st;
    int error = mkdir(path, 0700) < 0 ? errno : 0;
    if (error == ENOENT) {
        make_parents(path);
        error = mkdir(path, 0700) < 0 ? errno : 0;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail(context, errno == ENOENT && error ? error : errno, NULL); /* why it is not there */
    if (fstat(fd, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0) && !(st.st_mode & 022))
        return fd;
    close(fd);
    return fail(context, EPERM, "the folder of the containers belongs to somebody else, or others may write to it");
}

static int make_lock(struct context *context, int folder, int64_t number) {
    int fd = openat(folder, "lock", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    slot_set(context, number, fd);
    return flock(fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
}

/* The list of what is to be undone, open for note_undo() while we live. */
static int make_undo(struct context *context, int folder) {
    int fd = openat(folder, "undo", O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    slot_set(context, SLOT_NOTE, fd);
    return fd < 0 ? errno : 0;
}

static int fill_folder(struct context *context, int folder, const struct claim_state *operation) {
    static char text[TEXT_SIZE];
    int error = make_lock(context, folder, operation->lock);
    const char *mark = operation->marks.first;
    for (uint32_t i = 0; i < operation->marks.count && !error; i++, mark = texts_next(mark))
        error = create_file(folder, mark, "");
    error = error ? error : create_file(folder, "token", context->shared->token);
    error = error ? error : create_file(folder, "turn", "");
    error = error ? error : create_file(folder, "exit", "");
    error = error ? error : make_undo(context, folder);
    if (!error && operation->config[0])
        error = create_file(folder, "config.json", operation->config);
    if (!error && operation->template[0])
        error = create_file(folder, "template", operation->template);
    return error ? error : create_file(folder, "summary", fill_holes(context, operation->summary, "creating", text, sizeof text));
}

static void draft_name(const struct context *context, const char *prefix, char *name, size_t size) {
    join_words(name, size, (const char *const[]){prefix, context->shared->token, NULL});
}

int do_claim_state(struct context *context, const struct claim_state *operation) {
    char draft[64];
    struct shared *shared = context->shared;
    int root = open_root(context, operation->root);
    if (root < 0)
        return -1;
    if (operation->id[0])
        join_words(shared->id, sizeof shared->id, (const char *const[]){operation->id, NULL});
    draft_name(context, ".new-", draft, sizeof draft);
    arm(context, operation->undo);
    int folder = mkdirat(root, draft, 0700) == 0 ? openat(root, draft, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    int error = folder < 0 ? errno : 0;
    slot_set(context, SLOT_STATE, folder);
    error = error ? error : fill_folder(context, folder, operation);
    if (!error && syscall(SYS_renameat2, root, draft, root, shared->id, RENAME_NOREPLACE) < 0)
        error = errno;
    close(root);
    if (!error)
        return 0;
    return fail(context, error, error == EEXIST ? "it is in use" : NULL);
}

int do_keep_note(struct context *context, const struct keep_note *operation) {
    char name[64];
    struct stat st = {0};
    int root = open_root(context, operation->root);
    if (root < 0)
        return -1;
    draft_name(context, ".note-", name, sizeof name);
    arm(context, operation->undo); /* before: a monitor that is killed while it makes the file dies with the file there */
    int error = 0;
    for (int i = 0; i < CLAIMS && !error && st.st_nlink == 0; i++) {
        int fd = openat(root, name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        slot_set(context, SLOT_NOTE, fd);
        if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0)
            error = errno;
    }
    close(root);
    return error || st.st_nlink == 0 ? fail(context, error ? error : EAGAIN, NULL) : 0;
}

int do_note_init(struct context *context, const struct note_init *operation) {
    char line[256];
    (void)operation;
    int error = note_undo(context, "init", fill_holes(context, "\001pid\001 \001start\001 \001boot\001", NULL, line, sizeof line));
    return error ? fail(context, error, NULL) : 0;
}

int do_end_note(struct context *context, const struct end_note *operation) {
    char name[64];
    char path[4096];
    if (!is_armed(context, operation->undo))
        return 0;
    draft_name(context, "/.note-", name, sizeof name);
    join_words(path, sizeof path, (const char *const[]){operation->root, name, NULL});
    if (unlink(path) < 0 && errno != ENOENT)
        return fail(context, errno, NULL);
    disarm(context, operation->undo);
    return 0;
}

int do_note_undo(struct context *context, const struct note_undo *operation) {
    int error = note_undo(context, operation->kind, operation->path);
    arm(context, operation->undo);
    return error ? fail(context, error, NULL) : 0;
}

/* Written beside its place, then put there: readers see the old or the new one. Exchanged, not renamed over: where /run lies on a disk,
 * ext4 writes out at once what replaces a file by rename, and whoever removes it then waits for the disk (0.2 to 4 ms). */
static int replace_file(const struct context *context, int folder, const char *name, const char *text) {
    char draft[96];
    join_words(draft, sizeof draft, (const char *const[]){".", name, ".", context->shared->token, NULL});
    int error = create_file(folder, draft, text);
    if (error == EEXIST && unlinkat(folder, draft, 0) == 0)
        error = create_file(folder, draft, text);
    if (error)
        return error;
    if (syscall(SYS_renameat2, folder, draft, folder, name, RENAME_EXCHANGE) == 0)
        return unlinkat(folder, draft, 0) < 0 ? errno : 0;
    return renameat(folder, draft, folder, name) < 0 ? errno : 0;
}

/* A file in a folder of the caller's, whole or not at all: without a name until it is whole, so that nothing is left of it whoever is killed.
 * 0 or an errno: EEXIST where there is one of that name, EOPNOTSUPP and others on file systems that know no such files. */
static int link_file(int folder, const char *name, const char *text) {
    char path[32];
    char number[16];
    int fd = openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    format_number(number, sizeof number, fd);
    join_words(path, sizeof path, (const char *const[]){"/proc/self/fd/", number, NULL});
    int error = write_all(fd, text);
    if (!error && linkat(AT_FDCWD, path, folder, name, AT_SYMLINK_FOLLOW) < 0)
        error = errno;
    close(fd);
    return error;
}

/* Instead of what has the name; a draft is named for as long as one system call takes. */
static int rename_over(const struct context *context, int folder, const char *name, const char *text) {
    char draft[300];
    join_words(draft, sizeof draft, (const char *const[]){".", name, ".", context->shared->token, NULL});
    int error = link_file(folder, draft, text);
    if (error)
        error = create_file(folder, draft, text);
    if (!error && renameat(folder, draft, folder, name) < 0) {
        error = errno;
        unlinkat(folder, draft, 0);
    }
    return error;
}

/* The texts stand in the plan once, in the operation that claimed the folder. */
static int publish(struct context *context, const char *status) {
    static char text[TEXT_SIZE];
    struct operation_head head;
    struct claim_state claim;
    int folder = slot(context, SLOT_STATE);
    if (folder < 0 || !plan_find(context, OPERATION_CLAIM_STATE, &head) || !take_claim_state(&head.fields, &claim))
        return 0;
    int error = replace_file(context, folder, "summary", fill_holes(context, claim.summary, status, text, sizeof text));
    if (!error && claim.template[0])
        error = replace_file(context, folder, "state.json", fill_holes(context, claim.template, status, text, sizeof text));
    return error;
}

int do_publish_state(struct context *context, const struct publish_state *operation) {
    int error = publish(context, operation->status);
    if (!error && operation->release && unlinkat(slot(context, SLOT_STATE), "monitored", 0) < 0 && errno != ENOENT)
        error = errno;
    return error ? fail(context, error, NULL) : 0;
}

int do_write_pid_file(struct context *context, const struct write_pid_file *operation) {
    char folder[4096];
    char number[16];
    const char *name = strrchr(operation->path, '/');
    size_t length = name ? (size_t)(name - operation->path) + 1 : 0;
    if (!name || length >= sizeof folder)
        return fail(context, ENAMETOOLONG, NULL);
    memcpy(folder, operation->path, length);
    folder[length] = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(context, errno, NULL);
    int error = operation->undo ? note_undo(context, "file", operation->path) : 0;
    arm(context, operation->undo);
    format_number(number, sizeof number, context->init_pid);
    if (!error && link_file(fd, name + 1, number) != 0)
        error = rename_over(context, fd, name + 1, number);
    close(fd);
    return error ? fail(context, error, NULL) : 0;
}

int do_send_pidfd(struct context *context, const struct send_pidfd *operation) {
    int fd = socket_connect(operation->path);
    if (fd < 0)
        return fail(context, -fd, NULL);
    int error = send_descriptor(fd, "pidfd", context->shared->init_pidfd);
    close(fd);
    return error ? fail(context, error, NULL) : 0;
}

int do_remove_file(struct context *context, const struct remove_file *operation) {
    if (!is_armed(context, operation->undo))
        return 0;
    int error = remove_pid_file(operation->path, context->shared->init_pid);
    if (!error)
        disarm(context, operation->undo);
    return error ? fail(context, error, NULL) : 0;
}

int do_remove_tree(struct context *context, const struct remove_tree *operation) {
    if (!is_armed(context, operation->undo))
        return 0;
    int error = remove_tree(AT_FDCWD, operation->path);
    if (!error)
        disarm(context, operation->undo);
    return error ? fail(context, error, NULL) : 0;
}

/* One write, in place: `wait` has the file open already, and reads it even when it has no name any more. */
static void write_exit(struct context *context, int folder) {
    static const char *const reasons[] = {"exited", "signaled", "timeout", "oom", "cpu-time", "killed", "error", "seccomp"};
    char code[16];
    char number[16];
    char line[64];
    settle_reason(context);
    format_number(code, sizeof code, context->shared->exit_code);
    format_number(number, sizeof number, context->shared->exit_signal);
    join_words(line, sizeof line, (const char *const[]){code, " ", number, " ", reasons[context->shared->exit_reason], "\n", NULL});
    write_file_at(folder, "exit", line);
}

/* Only what carries our token: the id may have been given to another container meanwhile. */
static bool is_ours(const struct context *context, int root, const char *name) {
    char path[ID_SIZE + 8];
    char token[TOKEN_SIZE + 1];
    join_words(path, sizeof path, (const char *const[]){name, "/token", NULL});
    return read_file_at(root, path, token, sizeof token) > 0 && strcmp(token, context->shared->token) == 0;
}

static bool has_name(struct context *context, const char *root) {
    char draft[64];
    int top = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    draft_name(context, ".new-", draft, sizeof draft);
    bool found = top >= 0 && (is_ours(context, top, context->shared->id) || is_ours(context, top, draft));
    if (top >= 0)
        close(top);
    return found;
}

/* `delete --force` may be at it, and who comes after it may take the id, and with it the cgroups' names, again. */
void take_last_turn(struct context *context) {
    struct operation_head head;
    struct claim_state claim;
    int folder = slot(context, SLOT_STATE);
    if (folder < 0 || !plan_find(context, OPERATION_CLAIM_STATE, &head) || !take_claim_state(&head.fields, &claim) || !claim.id[0])
        return;
    if (context->shared->turn < 0) /* else the monitor was killed with it */
        context->shared->turn = openat(folder, "turn", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    int turn = context->shared->turn;
    for (int waited = 0; turn >= 0 && waited < TURN_PATIENCE && flock(turn, LOCK_EX | LOCK_NB) < 0; waited++)
        poll(NULL, 0, 1);
    context->superseded = !has_name(context, claim.root);
}

int do_end_state(struct context *context, const struct end_state *operation) {
    char name[64];
    int folder = slot(context, SLOT_STATE);
    if (!is_armed(context, operation->undo))
        return 0;
    int root = open(operation->root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root < 0)
        return fail(context, errno, NULL);
    bool claimed = is_ours(context, root, context->shared->id);
    if (folder >= 0)
        write_exit(context, folder);
    int error = 0;
    if (claimed && operation->keep && context->shared->started) {
        error = publish(context, "stopped");
        unlinkat(folder, "monitored", 0);
    } else if (claimed) {
        error = folder_remove(operation->root, context->shared->id);
    }
    draft_name(context, ".new-", name, sizeof name);
    remove_tree(root, name);
    draft_name(context, ".dead-", name, sizeof name);
    remove_tree(root, name);
    close(root);
    if (!error)
        disarm(context, operation->undo);
    return error ? fail(context, error, NULL) : 0;
}
