#include "cli_range.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DIGITS_MAX = 15 };

/* A decimal as it was written: value 10^-decimals. */
typedef struct Decimal {
    int64_t value;
    int decimals;
} Decimal;

/* "-0.005", of at most 15 digits, so that value and 10^decimals are exact doubles. */
static bool read_decimal(const char *text, size_t length, Decimal *d)
{
    const bool negative = length > 0 && *text == '-';
    size_t i = length > 0 && (*text == '-' || *text == '+');
    int digits = 0;
    bool point = false;
    *d = (Decimal){0};
    for (; i < length; i++) {
        if (text[i] == '.' && !point) {
            point = true;
        } else if (text[i] >= '0' && text[i] <= '9' && digits < DIGITS_MAX) {
            d->value = 10 * d->value + (text[i] - '0');
            d->decimals += point;
            digits++;
        } else {
            return false;
        }
    }
    if (negative)
        d->value = -d->value;
    return digits > 0;
}

/* False if that leaves 15 digits. */
static bool rescale(Decimal *d, int decimals)
{
    for (; d->decimals < decimals; d->decimals++) {
        if (d->value > INT64_C(99999999999999) || d->value < -INT64_C(99999999999999))
            return false;
        d->value *= 10;
    }
    return true;
}

/* First, last and step, all with the same decimals. */
static bool read_parts(const CliRange *r, Decimal part[3])
{
    const char *s = r->text;
    int n = 0, decimals = 0;
    part[2] = (Decimal){.value = 1};
    for (; n < 3; n++) {
        const size_t length = strcspn(s, ":");
        if (!read_decimal(s, length, &part[n]))
            return false;
        s += length;
        if (*s++ == '\0')
            break;
    }
    if (n != 2 && (n != 1 || !r->integers))
        return false;
    for (int i = 0; i < 3; i++)
        decimals = part[i].decimals > decimals ? part[i].decimals : decimals;
    if (r->integers && decimals > 0)
        return false;
    return rescale(&part[0], decimals) && rescale(&part[1], decimals) &&
           rescale(&part[2], decimals);
}

bool cli_is_range(const char *text)
{
    return strchr(text, ':') != NULL;
}

int cli_range(const CliRange *r, double *v, int space, ArchError *e)
{
    Decimal part[3];
    if (!read_parts(r, part)) {
        error_set(e, ARCH_EXIT_USAGE,
                  r->integers
                      ? "--%s: '%.60s' is no range FIRST:LAST or FIRST:LAST:STEP of "
                        "integers, as in 0:10"
                      : "--%s: '%.60s' is no range FIRST:LAST:STEP of decimals of at "
                        "most 15 digits, as in 0.91:1.05:0.005",
                  r->option, r->text);
        return 0;
    }
    const int64_t way = part[1].value - part[0].value, step = part[2].value;
    if (step == 0 || way % step != 0 || way / step < 0) {
        error_set(e, ARCH_EXIT_USAGE,
                  "--%s: '%.60s': steps of %.15g from %.15g never meet %.15g; the end "
                  "belongs to a range",
                  r->option, r->text, (double)step / pow(10, part[2].decimals),
                  (double)part[0].value / pow(10, part[0].decimals),
                  (double)part[1].value / pow(10, part[1].decimals));
        return 0;
    }
    if (way / step >= space) {
        error_set(e, ARCH_EXIT_USAGE,
                  "--%s: '%.60s' makes %lld entries, a list has at most %d", r->option,
                  r->text, (long long)(way / step) + 1, CLI_LIST_MAX);
        return 0;
    }
    double scale = 1;
    for (int i = 0; i < part[0].decimals; i++)
        scale *= 10;
    for (int64_t i = 0; i <= way / step; i++)
        v[i] = (double)(part[0].value + i * step) / scale;
    return (int)(way / step) + 1;
}
