#include "gpu_abi.h"

#include <dlfcn.h>
#include <string.h>

const char *gpu_resolve(void *library, const GpuSymbol *symbol, int symbols,
                        void *table)
{
    for (int i = 0; i < symbols; i++) {
        void *address = dlsym(library, symbol[i].name);
        if (!address)
            return symbol[i].name;
        /* ISO C has no cast from data to function */
        memcpy((char *)table + symbol[i].offset, &address, sizeof address);
    }
    return NULL;
}
