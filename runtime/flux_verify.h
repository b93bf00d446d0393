/* flux_verify.h - whether a data set is what it says: every sample, by recomputation. */
#ifndef FLUX_VERIFY_H
#define FLUX_VERIFY_H

#include "archrt/dataset.h"

/* On every sample: flux is conserved but for exactly one +1 and one -1 per open worm,
 * on sites of their own; l >= 0; y is n and |phi|^2 of the configuration (kind "flux"),
 * whether there are open worms ("open") or their number ("worms"); obs is n and |phi|^2
 * of the closed configuration, where that is stored or paths lead back to it.
 *
 * `path` is for messages.  *checked says whether there was anything to check: a foreign
 * file, without a kind, passes unseen.  Errors: FILE, naming sample and place. */
bool flux_verify(const Dataset *d, const char *path, bool *checked, ArchError *e);

#endif
