/* print_random SEED - a random network as a .arch.  The first lines name a lattice and three
 * batches: two of few samples, whose lattices are cut into parts, and one of 1 to 33. */
#include <stdlib.h>

#include "random_net.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: print_random SEED\n");
        return 2;
    }
    uint64_t seed = strtoull(argv[1], NULL, 10), state = ~seed;
    int few = 1 + random_below(&state, 8), some = 1 + random_below(&state, 8);
    int any = 1 + random_below(&state, 33);
    printf("# batches %d,%d,%d\n", few, some, any);
    random_arch(seed, stdout);
    return 0;
}
