/* syntax.h - text -> Unit.
 *
 * Always returns a Unit: after an error it skips to the next line that begins with a
 * layer, a keyword or "name =", or to "}", so that one run finds several. */
#ifndef ARCHC_SYNTAX_SYNTAX_H
#define ARCHC_SYNTAX_SYNTAX_H

#include "base/diag.h"
#include "syntax/ast.h"

Unit *syntax_parse(const Source *source, Arena *a, Diag *diag);

#endif
