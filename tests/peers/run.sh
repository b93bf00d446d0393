#!/bin/sh
# Times our networks against PyTorch on this machine; writes a CSV, prints a table.
#
#     tests/peers/run.sh BUILD [options]        --help lists them
#
# BUILD is a folder where this project has been built with its tests, and where setup.sh has
# put PyTorch; without PyTorch this exits with 77.
build=${1:?usage: tests/peers/run.sh BUILD [options]}
shift
here=$(dirname "$0")
python=$build/peers/venv/bin/python
if [ ! -x "$python" ] || ! "$python" -c 'import torch' 2>/dev/null; then
    echo "peers: no PyTorch in $build/peers: run tests/peers/setup.sh $build" >&2
    exit 77
fi
for need in bin/archc peers/peers_loop.so; do
    if [ ! -e "$build/$need" ]; then
        echo "peers: $build/$need is missing: build the project with its tests" >&2
        exit 3
    fi
done
# What torch.compile made stays, so that a second run does not make it again.
TORCHINDUCTOR_CACHE_DIR=$(cd "$build" && pwd)/peers/inductor
export TORCHINDUCTOR_CACHE_DIR PYTHONDONTWRITEBYTECODE=1
exec "$python" "$here/compare.py" --build "$build" "$@"
