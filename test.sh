#!/usr/bin/env bash
# Builds everything into build/ and runs the tests; arguments go on to ctest.
#
#     ./test.sh                   all but the slow ones
#     ./test.sh -L physics        those with a label (see tests/README.md)
#     ./test.sh -R oracle -V      those whose name matches, with their output
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")"
./tools/setup.sh
# Where CUDA's toolkit is, its compiler must be found, too: its tests are not to be skipped.
for toolkit in "${CUDA_HOME:-}" "${CUDA_PATH:-}" /usr/local/cuda; do
    if [ -e "$toolkit/include/nvrtc.h" ]; then
        export ARCHC_REQUIRE_NVRTC=1
    fi
done
jobs=$(nproc)
cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=ON
cmake --build build -j "$jobs"
exec ctest --test-dir build --output-on-failure -j "$jobs" -LE slow "$@"
