#!/bin/sh
# mutate.sh BUILD [c|cuda] - breaks the generator on purpose, one way at a time, in a copy, and shows
# that the tests see it.  BUILD is a built tree: its test programs judge the code of the
# broken archc.  Takes some minutes; run by hand or as the ctest label `slow`.
#
#     tests/mutate/mutate.sh build         # or only one of the languages
set -u
part=${2-all}
build=$(cd "$1" && pwd) || exit 2
source=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cp -r "$source/CMakeLists.txt" "$source/compiler" "$source/cmake" "$dir"
# Only the compiler: the runtime and the tests are those of BUILD.
sed -i '/^include(CTest)/,$d' "$dir/CMakeLists.txt"
echo 'add_subdirectory(compiler)' >>"$dir/CMakeLists.txt"
cmake -S "$dir" -B "$dir/build" -DBUILD_TESTING=OFF >"$dir/log" 2>&1 &&
    cmake --build "$dir/build" --target archc -j2 >>"$dir/log" 2>&1 ||
    { cat "$dir/log"; exit 1; }

# judge NETWORK..: compiled by gcc -O1, held against the oracle and against itself.
judge() {
    for network; do
        rm -rf "$dir/out"
        "$dir/build/bin/archc" "$network" -o "$dir/out" >/dev/null 2>&1 || return 1
        name=$(basename "$dir"/out/*.c .c)
        gcc -std=c11 -O1 -fPIC -shared "$dir/out/$name.c" -o "$dir/out/$name.so" -lm \
            >/dev/null 2>&1 || return 1
        timeout 120 "$build/bin/check_model" -lattice 8x8,5x3 "$network" "$dir/out/$name.so" \
            "$name" >/dev/null 2>&1 || return 1
        timeout 120 "$build/bin/check_calls" "$network" "$dir/out/$name.so" "$name" \
            >/dev/null 2>&1 || return 1
    done
}

# judge_swept NETWORK..: by bands, on lattices that are small; bit for bit.
judge_swept() {
    for network; do
        rm -rf "$dir/out"
        "$dir/build/bin/archc" "$network" -o "$dir/out" >/dev/null 2>&1 || return 1
        name=$(basename "$dir"/out/*.c .c)
        gcc -std=c11 -O1 -DCACHE_BYTES=3000 -DSWEEP_ALLOWED=1e9 -fPIC -shared \
            "$dir/out/$name.c" -o "$dir/out/$name.so" -lm >/dev/null 2>&1 || return 1
        timeout 120 "$build/bin/check_model" -exact -lattice 8x64,16x36,64x5,12x48 "$network" \
            "$dir/out/$name.so" "$name" >/dev/null 2>&1 || return 1
    done
}

# judge_cuda NETWORK..: NAME.cu as C, a fiber for every thread.  The host's half needs no
# optimisation.
judge_cuda() {
    for network; do
        rm -rf "$dir/out"
        "$dir/build/bin/archc" "$network" -o "$dir/out" >/dev/null 2>&1 || return 1
        name=$(basename "$dir"/out/*.c .c)
        gcc -std=c11 -O0 -fPIC -shared "$dir/out/$name.c" -o "$dir/out/$name.so" -lm \
            >/dev/null 2>&1 || return 1
        gcc -std=c11 -O1 -fPIC -shared -include "$source/tests/kernels/cuda/shim.h" -x c \
            "$dir/out/$name.cu" -o "$dir/out/kernels.so" -lm >/dev/null 2>&1 || return 1
        timeout 120 "$build/bin/check_cuda" 9x7,5x3 "$network" "$dir/out/$name.so" \
            "$name" "$dir/out/kernels.so" >/dev/null 2>&1 || return 1
    done
}

# Together they have every kind of layer.
networks="$source/archs/task3/st2.arch $source/archs/task2/fl.arch $source/tests/kernels/archs/padded.arch
$source/tests/kernels/archs/wide.arch $source/tests/kernels/archs/winners.arch
$source/tests/kernels/archs/branches.arch $source/tests/kernels/archs/tower.arch"
judge=judge
[ "$part" = cuda ] || judge $networks ||
    { echo "the unbroken generator fails already"; exit 1; }

survivors=0 mutants=0
# break NAME FILE SED-EXPRESSION
break_() {
    [ "$part" = all ] || [ "$part" = "$language" ] || return 0
    mutants=$((mutants + 1))
    broken=$dir/compiler/$2
    cp "$broken" "$dir/kept"
    sed -i "$3" "$broken"
    if cmp -s "$broken" "$dir/kept"; then
        verdict='NOT APPLIED: the text to break is gone'
    elif ! cmake --build "$dir/build" --target archc >"$dir/log" 2>&1; then
        verdict='NOT BUILT'
    elif $judge $networks; then
        verdict=SURVIVED
    else
        verdict=caught
    fi
    [ "$verdict" = caught ] || survivors=$((survivors + 1))
    printf '%-44s %s\n' "$1" "$verdict"
    cp "$dir/kept" "$broken"
}

language=c
break_ 'mirrored kernel not mirrored' emit/prelude/pack.h 's/ ^ mirrored)/ ^ 0)/'
break_ 'middle product takes one tap' emit/prelude/pack.h 's/next % 3 == 1;/next % 3 == 3;/'
break_ 'taps of products exchanged' emit/prelude/sums.h 's/product = 3 \* product + (tap/product = 3 * product + (1 ^ tap/'
break_ 'patch begins elsewhere' plan/winograd.c 's/ - 1 - n->window.before/ - n->window.before/'
break_ 'odd parts cut into tiles' emit/prelude/parts.h 's/even &= extent\[axis\] % 2 == 0;/even \&= 1;/'
break_ 'sums of corners left out' plan/winograd_weight.c 's/digit(w, k, axis) == 1;/digit(w, k, axis) == 1 \&\& axis;/'
break_ 'panel of another width' plan/outer.c 's/(int64_t)wide \* LANES}/(int64_t)wide * LANES + LANES}/'
break_ 'drop the wrap' emit/prelude/tables.h 's/    if (!w->circular\[axis\])$/    if (1)/'
break_ 'shift a tap' emit/prelude/tables.h 's/+ a->tap\[axis\] - w->before/+ a->tap[axis] + 1 - w->before/'
break_ 'swap strides of taps and inputs' emit/prelude/pack.h \
    's/tap \* stride_tap + in \* stride_in/tap * stride_in + in * stride_tap/'
break_ 'skip the sites behind whole tiles' plan/lower.c 's/size = next_tile(size))/size = 0)/'
break_ 'forget to clear the ghost' plan/lower_value.c \
    's/arg_int(b, row \* LANES)/arg_int(b, 0 * row)/'
break_ 'take the halo from its own part' emit/prelude/tables.h \
    's/to - floor_div(to, grid) \* grid/at[axis]/'
break_ 'fill no halo' plan/lower_value.c 's/kind == NEAR_FORWARD || kind == NEAR_BACKWARD/0/'
break_ 'lose the sum of the last part' emit/prelude/join.h \
    's/part < count; part++)$/part < count - 1; part++)/'
break_ 'share a gradient with part 0 alone' emit/prelude/join.h \
    's/to\[lane + part\] = from\[lane\]/to[lane + part] = part ? 0 : from[lane]/'
break_ 'slope of the wrong branch' plan/value.c \
    's/vx_op3(b, VX_POS, x\[1\], x\[0\],/vx_op3(b, VX_POS, x[0], x[0],/'
break_ 'lose lanes 8 to 15' emit/prelude/vec512.h \
    's/_mm512_shuffle_f32x4(a, b, 0xdd)/_mm512_shuffle_f32x4(a, b, 0x88)/'
break_ 'exchange tiles of weights' emit/prelude/sums.h 's/o \/ 4 \* row + i \* 4/o \/ 4 * row + i \/ 4 * 16/'
break_ 'lose the last odd shard' emit/prelude/sums.h \
    's/to + step < shards; to += 2/to + 2 * step <= shards; to += 2/'
break_ 'let absent samples count' emit/prelude/loss.h \
    's/^    clear(dy, f.sites \* row \* ARCH_LANES);//'
break_ 'ignore the index' emit/prelude/lanes.h 's/call->index ? call->index\[sample\] : sample/sample/'
break_ 'read 16 sites of one lane for all' emit/prelude/vec_any.h 's/f->first\[lane\] + at, tile/f->first[0] + at, tile/'
break_ 'lose the sites behind 16' emit/prelude/vec_any.h 's/int64_t s = whole; s < sites;/int64_t s = whole + 1; s < sites;/'
break_ 'idle lanes in the place of others' emit/prelude/vec256.h 's/x->lanes > 8/x->lanes > 12/'
break_ 'spread outputs over each other' emit/prelude/join.h \
    's/o = outs - 1; o >= 0; o--/o = 0; o < outs; o++/'
break_ 'inputs of one sample too far apart' plan/lower_conv.c 's/== PLACE_WORK ? LANES : 1/== PLACE_WORK ? LANES : 2/'
break_ 'parts in a row when flattened' emit/prelude/join.h \
    's/            next_coordinates(AXES, parts->grid, in_grid);//'
break_ 'last of equal maxima' plan/lower_point.c 's/vx_op4(b, VX_GT, x, max, vx_const/vx_op4(b, VX_GT, max, x, vx_const/'
break_ 'forget the tap of a pooled site' emit/prelude/tables.h 's/k = k \* w->kernel\[axis\] + t/k = 0 * t/'
break_ 'forget the last packed outputs' emit/prelude/pack.h 's/block < outs; block += 8/block + 8 <= outs; block += 8/'
break_ 'winners in parts that have none' emit/prelude/winners.h 's/arg\[i\] < 0 ? 0 : to/to/'
break_ 'taps of winners in another order' emit/prelude/winners.h \
    's/(p \* to_row + tap)/(p * to_row + taps - 1 - tap)/'
break_ 'every winner with the same weights' plan/lower_point.c \
    's/ix_scale(b, p, n->shape.channels)/ix_scale(b, p, 0)/'
break_ 'write over what others read' plan/memory.c \
    's/if (!overwrites(/if (0 \&\& !overwrites(/'
break_ 'look at sites from the wrong end' plan/outer_weight.c \
    's/turned_dy ? NEAR_FORWARD : NEAR_BACKWARD/turned_dy ? NEAR_BACKWARD : NEAR_FORWARD/'
break_ 'the last biases left out' plan/lower_weight.c \
    's/bias_of_strip(l, v, strip, ix(b, full), out - full)/(void)0/'
break_ 'biases of a strip counted again in the next' plan/lower_chain.c \
    's/call_on(l, "clear", pool, strip_buffer(l, pool))/(void)0/'
break_ 'forward blocks for every shard' emit/kernel.c 's/blocks \* call->shard \/ shards/0 * shards/'

judge=judge_swept
networks=$source/tests/kernels/archs/sweep.arch
[ "$part" = cuda ] || judge_swept $networks ||
    { echo "the unbroken generator of sweeps fails already"; exit 1; }
break_ 'sweep: a ring too small' plan/sweep.c 's/bands->lag - maker->lag + r->before + 1/bands->lag - maker->lag + 1/'
break_ 'sweep: no waiting for the next band' plan/sweep.c 's/maker->lag + r->after);/maker->lag);/'
break_ 'sweep: no band before the part' plan/sweep.c 's/bands->before + r->before/bands->before/'
break_ 'sweep: windows of an adjoint not mirrored' plan/sweep.c 's/mirrored ? after : before, mirrored ? before : after/mirrored ? before : after, mirrored ? after : before/'
break_ 'sweep: sums of bands beyond the part' emit/sweep.c 's/band >= 0 \&\& band < f->parts.bands;/1;/'
break_ 'sweep: input of the part itself' emit/prelude/lanes.h 's/(first + parts->band) % all + all) % all/first + (parts->band % parts->bands + parts->bands) % parts->bands) % all/'
break_ 'sweep: dL\/dy of every lane' emit/prelude/sums.h 's/dy\[i\] = i == 0;/dy[i] = 1;/'
break_ 'sweep: sums not scaled' emit/prelude/sums.h 's/to\[i\] += factor \* from/to[i] += from/'

judge=judge_cuda language=cuda
networks="$source/archs/task3/st2.arch $source/tests/kernels/archs/padded.arch
$source/tests/kernels/archs/tensor.arch"
[ "$part" = c ] || judge_cuda $networks ||
    { echo "the unbroken generator of CUDA fails already"; exit 1; }
break_ 'CUDA: sites overlap' plan/cuda_value.c \
    's/ix_scale(b, site, cuda_pitch(s->channels))/ix_scale(b, site, cuda_pitch(s->channels) - 1)/'
break_ 'CUDA: no barriers' emit/cuda.c 's/w_line(w, "__syncthreads();")/(void)0/'
break_ 'CUDA: no wrap' emit/prelude/cuda_tables.cuh 's/if (w->circular\[axis\])$/if (0)/'
break_ 'CUDA: the first share left out' plan/cuda_sum.c \
    's/put_for(b, "share", ix(b, 0), shares, 1)/put_for(b, "share", ix(b, 1), shares, 1)/'
break_ 'CUDA: shares rounded down' plan/cuda_sum.c \
    's/const Ix \*up = ix_add(b, s->sites, ix_add(b, shares, ix(b, -1)));/const Ix *up = s->sites;/'
break_ 'CUDA: every tile begins at site 0' plan/cuda_value.c \
    's/: ix_add(z->b, ix_word(z->b, "at.site"), s)/: s/'
break_ 'CUDA: the last tile too long' emit/prelude/cuda_block.cuh \
    's/at->sites = sites - at->site < f->tile ? sites - at->site : f->tile/at->sites = f->tile/'
break_ 'CUDA: windows read within a pass' plan/cuda_pass.c \
    's/level_made(q, home) + !here/level_made(q, home) + 0 * here/'
break_ 'CUDA: far fields where others are' plan/cuda_epoch.c \
    's/bool by_pass = z->grid/bool by_pass = 0 \&\& z->grid/'
break_ 'CUDA: every round clears the sums' emit/cuda.c 's/if (f->first == 0)/if (f->round)/'
break_ 'CUDA: every round does the first samples' emit/prelude/cuda_launch.h \
    's/f->first = pass \/ all->count \* plan->round/f->first = 0/'
break_ 'CUDA: the last block is not added' emit/prelude/cuda_tables.cuh \
    's/for (int64 first = 0; first < blocks; first += 16)/blocks -= blocks > 1; for (int64 first = 0; first < blocks; first += 16)/'
break_ 'CUDA: parts of a pool by block' plan/cuda_pool.c 's/ix_word(b, "at.tile")/ix_word(b, "(int)blockIdx.x")/'
break_ 'CUDA: TF32 without correction' emit/prelude/cuda_mma.cuh '/mma_tf32(y, a_lo, b_hi);/d'
break_ 'CUDA: ... of the other factor' emit/prelude/cuda_mma.cuh '/mma_tf32(y, a_hi, b_lo);/d'
break_ 'CUDA: plain TF32, unasked' emit/prelude/cuda_mma.cuh 's/^#ifdef ARCH_TF32/#ifndef ARCH_TF32/'
break_ 'CUDA: channels of a product exchanged' plan/cuda_mma.c 's/ix(b, k \/ 2 \* 4)/ix(b, 4 - k \/ 2 * 4)/'
break_ 'CUDA: the tile that is smaller elsewhere' plan/cuda_mma.c 's/groups, all - rest, 1, rest/groups, 0, 1, rest/'
break_ 'CUDA: gradients of sites that are not there' plan/cuda_mma_sum.c \
    's/vx_index(b, m->s->sites)/vx_index(b, ix_add(b, m->s->sites, ix(b, 8)))/'
break_ 'CUDA: rows that are not there added, too' plan/cuda_mma_sum.c 's/rows % MMA_ROWS \&\& half/0 \&\& half/'
break_ 'CUDA: taps of gradients exchanged' plan/cuda_mma_sum.c \
    's/ix_add(b, m->tap, ix(b, tap)),$/ix_add(b, m->tap, ix(b, m->tile.taps - 1 - tap)),/'
break_ 'CUDA: rows and columns of gradients exchanged' plan/cuda_mma_sum.c \
    's/turned ? column : row,$/turned ? row : column,/'
break_ 'CUDA: no store of the last sites' plan/cuda_chain.c 's/put_if(b, t->meant\[s\], t->end)/put_if(b, t->meant[s], ix_add(b, t->end, ix(b, -1)))/'

echo "$mutants mutants, $survivors not caught"
[ $survivors = 0 ]
