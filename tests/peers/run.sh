#!/bin/sh
# Times our networks against PyTorch on this machine; writes a CSV, prints a table.
#
#     tests/peers/run.sh BUILD [options]        --help lists them
#
# BUILD is a folder where this project has been built with its tests.  PyTorch is that which
# setup.sh has put there, or python3's; without it this exits with 77.  With --device cuda
# both sides run on a device.
build=${1:?usage: tests/peers/run.sh BUILD [options]}
shift
here=$(dirname "$0")
python=$build/peers/venv/bin/python
[ -x "$python" ] || python=python3
if ! "$python" -c 'import numpy, torch' 2>/dev/null; then
    echo "peers: no PyTorch in $build/peers: run tests/peers/setup.sh $build" >&2
    exit 77
fi
case " $* " in
*" --device cuda "* | *" --device=cuda "*) needs=peers/peers_cuda.so ;;
*) needs='bin/archc peers/peers_loop.so' ;;
esac
for need in $needs; do
    if [ ! -e "$build/$need" ]; then
        echo "peers: $build/$need is missing: build the project with its tests" >&2
        exit 3
    fi
done
# What torch.compile made stays, so that a second run does not make it again.
TORCHINDUCTOR_CACHE_DIR=$(cd "$build" && pwd)/peers/inductor
export TORCHINDUCTOR_CACHE_DIR PYTHONDONTWRITEBYTECODE=1
exec "$python" "$here/compare.py" --build "$build" "$@"
