/* contain-launcher: the launcher as a program of its own. The front (`contain`) has the same code inside. */
#include "../actors.h"

int main(int argc, char **argv) {
    return launcher_main(argc, argv);
}
