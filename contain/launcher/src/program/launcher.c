/* One program under two names: `contain-launcher` executes a plan, any other name is the front of the command line. */
#include <string.h>

#include "../actors.h"
#include "../front/front.h"

#define NOT_ANSWERED 255

/* Python, started without the front, asks for a quick verb: contain-launcher --verb [OPTION...] VERB WORD... */
static int verb_main(int argc, char **argv) {
    struct request request;
    int code = parse_request(argc - 1, argv + 1, &request) ? answer_request(&request) : -1;
    return code < 0 ? NOT_ANSWERED : code;
}

int main(int argc, char **argv) {
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
    if (strcmp(name, "contain-launcher") != 0)
        return front_main(argc, argv);
    return argc > 1 && strcmp(argv[1], "--verb") == 0 ? verb_main(argc, argv) : launcher_main(argc, argv);
}
