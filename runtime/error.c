#include "archrt/error.h"

#include <stdarg.h>
#include <stdio.h>

bool error_set(ArchError *e, ArchExit code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    e->code = code;
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return false;
}
