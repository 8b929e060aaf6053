/* One program under two names: `contain-launcher` executes a plan, any other name is the front of the command line. */
#include <string.h>
#include <unistd.h>

#include "../actors.h"
#include "../front/front.h"

#define NOT_ANSWERED 255

/* Python, started without the front, asks for a quick verb: contain-launcher --verb [OPTION...] VERB WORD... */
static int verb_main(int argc, char **argv) {
    struct request request;
    int code = parse_request(argc - 1, argv + 1, &request) ? answer_request(&request) : -1;
    return code < 0 ? NOT_ANSWERED : code;
}

/* Whoever starts us names what is done: with the rights of another user that would be a way to them. Root has them anyhow. */
static bool is_set_id(void) {
    static const char words[] = "contain: this program must not be set-user-ID or set-group-ID: chmod ug-s it\n";
    if (getuid() == 0 || (getuid() == geteuid() && getgid() == getegid()))
        return false;
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    return true;
}

int main(int argc, char **argv) {
    if (is_set_id())
        return EXIT_OURS;
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
    if (strcmp(name, "contain-launcher") != 0)
        return front_main(argc, argv);
    return argc > 1 && strcmp(argv[1], "--verb") == 0 ? verb_main(argc, argv) : launcher_main(argc, argv);
}
