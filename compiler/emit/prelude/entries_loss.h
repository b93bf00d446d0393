
/* The loss [instances] and its gradient (instances, parameters), summed over samples and
 * outputs of the shard; target (rows, outputs), row as x. */
void @_gradient(const ArchCall *call, const void *target, double *loss, void *dparams);
