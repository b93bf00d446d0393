/* print_random SEED - a random network as a .arch; its first line names a lattice. */
#include <stdlib.h>

#include "random_graph.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: print_random SEED\n");
        return 2;
    }
    random_arch(strtoull(argv[1], NULL, 10), stdout);
    return 0;
}
