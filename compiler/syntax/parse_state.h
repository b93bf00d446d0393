/* parse_state.h - what scanner, parser and recovery share while one text is read. */
#ifndef ARCHC_SYNTAX_PARSE_STATE_H
#define ARCHC_SYNTAX_PARSE_STATE_H

#include "base/diag.h"
#include "syntax/ast.h"

typedef struct Parse {
    Arena *arena;
    const Source *source;
    Diag *diag;
    Unit *unit;
    void *scanner;

    uint32_t offset; /* of the next byte to scan                                    */
    bool line_start; /* nothing but blanks since the last end of line               */
    bool first;      /* the token just scanned is the first of its line             */
    bool skipping;   /* after an error: drop tokens up to one that begins something */
    bool open;       /* between { and }                                             */
    Span brace;      /* the last "{"                                                */
    bool inserted;   /* the "}" that the parser has was missing, and that is reported */

    /* The token that the parser has, and the one before. */
    struct ParseToken {
        int kind;
        Span at;
        bool first; /* of its line */
    } now, last;

    bool holding; /* `held` waits behind an inserted "}" */
    struct ParseToken held;
} Parse;

/* The item, or ITEM_ERROR and a message if its expression is nested too deeply. */
Item *parse_item(Parse *p, Item item);

/* "unexpected GOT, expected A, B or C". */
void parse_unexpected(Parse *p, Span at, const char *got, const char *const *expected,
                      int count);

#endif
