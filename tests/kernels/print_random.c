/* print_random [-s] SEED - a random network as a .arch, with -s of few layers.  The first lines
 * name a lattice and three batches: two of few samples, whose lattices are cut into parts, and
 * one of 1 to 33. */
#include <stdlib.h>
#include <string.h>

#include "random_net.h"

int main(int argc, char **argv)
{
    bool few = argc > 1 && !strcmp(argv[1], "-s");
    if (argc != 2 + few) {
        fprintf(stderr, "usage: print_random [-s] SEED\n");
        return 2;
    }
    uint64_t seed = strtoull(argv[1 + few], NULL, 10), state = ~seed;
    int small = 1 + random_below(&state, 8), some = 1 + random_below(&state, 8);
    int any = 1 + random_below(&state, 33);
    printf("# batches %d,%d,%d\n", small, some, any);
    random_arch(seed, few ? random_short_models : random_models, stdout);
    return 0;
}
