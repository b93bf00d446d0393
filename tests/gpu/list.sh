#!/bin/sh
# The tests that need a device, a line each: name, tab, command.
#
#     tests/gpu/list.sh TREE
#
# In a build of this project they are those of ctest with the label gpu, but for those that
# need CUDA's compiler alone; a tree of pack.sh has them in gpu-tests.txt.  Paths are as they
# are here: @TREE@ and @SOURCE@ stand in that file for this tree and this checkout.
tree=$(cd "${1:?usage: tests/gpu/list.sh TREE}" && pwd) || exit 3
source=$(cd "$(dirname "$0")/../.." && pwd)
if [ -f "$tree/gpu-tests.txt" ]; then
    sed "s|@TREE@|$tree|g; s|@SOURCE@|$source|g" "$tree/gpu-tests.txt"
elif [ -f "$tree/CTestTestfile.cmake" ]; then
    ctest --test-dir "$tree" -N -V -L gpu | awk '
        / Test command: / { sub(/.* Test command: /, ""); command = $0 }
        / Test +#[0-9]+: / { if ($NF !~ /^cuda\.cubin/ && $NF != "run_all.fake")
                                 print $NF "\t" command }'
fi
