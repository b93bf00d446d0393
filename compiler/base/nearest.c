#include "base/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { LONGEST = 31 };

static int min(int a, int b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance (Damerau 1964), over three rows of its table.
 * Needs: both words at most LONGEST long. */
static int distance(const char *a, const char *b)
{
    int row[3][LONGEST + 1], na = (int)strlen(a), nb = (int)strlen(b);
    for (int j = 0; j <= nb; j++)
        row[0][j] = j;
    for (int i = 1; i <= na; i++) {
        int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= nb; j++) {
            int x = tolower((unsigned char)a[i - 1]),
                y = tolower((unsigned char)b[j - 1]);
            now[j] = min(min(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]))
                now[j] = min(now[j], before[j - 2] + 1);
        }
    }
    return row[na % 3][nb];
}

/* "padding" for "pad": one begins with the other. */
static bool extends(const char *a, const char *b)
{
    size_t n = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
    return n >= 3 && strncmp(a, b, n) == 0;
}

const char *nearest_word(const char *word, const char *const *words, size_t count)
{
    size_t length = strlen(word);
    if (length > LONGEST)
        return NULL;
    const char *best = NULL;
    int allowed = (int)(length + 2) / 3, least = allowed + 1;
    for (size_t i = 0; i < count; i++) {
        int d = strlen(words[i]) > LONGEST ? least
                : extends(word, words[i])  ? 1
                                           : distance(word, words[i]);
        if (d < least) {
            least = d;
            best = words[i];
        }
    }
    return best;
}
