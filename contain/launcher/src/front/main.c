#include <unistd.h>

#include "front.h"

int front_main(int argc, char **argv) {
    struct request request;
    run_cached(argc, argv);
    if (parse_request(argc, argv, &request)) {
        int code = answer_request(&request);
        if (code >= 0)
            return code;
    }
    return execute_python(argc, argv);
}
