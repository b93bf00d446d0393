/* Bytes of `work` for one call; 0: the network cannot take this lattice.  One `work` serves
 * any number of instances and of calls one after the other; calls at the same time, shards
 * on several threads say, need one each. */
size_t @_work_bytes(const int64_t *extent, int64_t batch, ArchWhat what);

/* Weights as the kernels want them, packed_bytes of @_model() for an instance; after every
 * change of the weights. */
void @_pack(const void *params, void *packed, int64_t instances);

/* y (instances, batch, outputs, sites of the output); a shard writes its samples. */
void @_forward(const ArchCall *call, void *y);

/* With dy shaped as y: dx = dy dy/dx (instances, batch, channels, sites), contiguous whatever
 * the strides of x, and dparams = dy dy/dparams (instances, parameters), summed over the
 * samples of the shard (add up those of several shards yourself).  Either may be NULL. */
void @_vjp(const ArchCall *call, const void *dy, void *dx, void *dparams);

/* Adds what gradient() left for `shards` shards, in a fixed order, into the first, and takes
 * the mean over samples and outputs. */
void @_reduce(double *loss, void *dparams, int64_t shards, int64_t instances, int64_t batch,
              const int64_t *extent);

/* All of these, sizes, names and shapes, for programs that drive any model. */
const ArchModel *@_model(void);
