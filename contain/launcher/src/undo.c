#include "undo.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups.h"
#include "kernel_calls.h"
#include "operation.h"
#include "paths.h"

#define UNDO_SIZE 65536
#define TREE_DEPTH 64

static int remove_below(int parent, const char *name, dev_t device, int depth) {
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (folder < 0)
        return errno == ENOENT ? 0 : errno;
    if (fstat(folder, &st) < 0 || st.st_dev != device || depth > TREE_DEPTH) {
        close(folder);
        return EXDEV;
    }
    DIR *entries = fdopendir(folder);
    if (!entries) {
        close(folder);
        return errno;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(folder, entry->d_name, 0) < 0 && (errno == EISDIR || errno == EPERM))
            remove_below(folder, entry->d_name, device, depth + 1);
    }
    closedir(entries);
    return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? errno : 0;
}

int remove_tree(int parent, const char *name) {
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : errno;
    return remove_below(parent, name, st.st_dev, 0);
}

/* What stands there may be somebody else's: a file that was there before us, or another container's by now. */
int remove_pid_file(const char *path, pid_t pid) {
    char ours[24];
    char found[24];
    format_number(ours, sizeof ours, pid);
    if (pid <= 0 || read_file_at(AT_FDCWD, path, found, sizeof found) < 0 || strcmp(found, ours) != 0)
        return 0;
    return unlink(path) < 0 && errno != ENOENT ? errno : 0;
}

/* \ooo → the byte, in place. */
static void unescape(char *text) {
    char *out = text;
    for (; *text; text++) {
        if (text[0] == '\\' && text[1] && text[2] && text[3]) {
            *out++ = (char)(((text[1] - '0') << 6) | ((text[2] - '0') << 3) | (text[3] - '0'));
            text += 3;
        } else {
            *out++ = *text;
        }
    }
    *out = 0;
}

/* `link INDEX NAME`: deleted only when both still agree; done by the network operations' netlink when there are such links. */
static int undo_line(char *line, pid_t pid) {
    char *rest = strchr(line, ' ');
    if (!rest)
        return 0;
    *rest++ = 0;
    unescape(rest);
    if (strcmp(line, "cgroup") == 0)
        return cgroup_remove(AT_FDCWD, rest);
    if (strcmp(line, "scope") == 0)
        return cgroup_leave(rest);
    if (strcmp(line, "parent") == 0)
        return rmdir(rest) < 0 && errno != ENOENT && errno != EBUSY && errno != ENOTEMPTY ? errno : 0;
    if (strcmp(line, "file") == 0)
        return remove_pid_file(rest, pid);
    if (strcmp(line, "tree") == 0)
        return remove_tree(AT_FDCWD, rest);
    if (strcmp(line, "mount") == 0)
        return umount2(rest, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT ? errno : 0;
    return 0;
}

int undo_all(int folder, pid_t pid) {
    static char text[UNDO_SIZE];
    int first = 0;
    ssize_t size = read_file_at(folder, "undo", text, sizeof text);
    while (size > 0) {
        if (text[size - 1] == '\n')
            text[--size] = 0;
        char *line = strrchr(text, '\n');
        line = line ? line + 1 : text;
        size = line - text;
        int error = undo_line(line, pid);
        *line = 0;
        first = first ? first : error;
    }
    return first;
}

int folder_remove(const char *root, const char *id) {
    char token[64];
    char dead[96];
    char path[512];
    int top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return errno;
    join_words(path, sizeof path, (const char *const[]){id, "/token", NULL});
    if (read_file_at(top, path, token, sizeof token) <= 0)
        strcpy(token, "half-made");
    join_words(dead, sizeof dead, (const char *const[]){".dead-", token, NULL});
    int error = renameat(top, id, top, dead) < 0 && errno != ENOENT ? errno : 0;
    if (!error)
        error = remove_tree(top, dead);
    close(top);
    return error;
}
