#!/bin/sh
# Installs PyTorch into BUILD/peers/venv, for tests/peers alone: nothing else needs Python.
#
#     tests/peers/setup.sh BUILD
#
# $PYTHON (python3) must have the module venv.  $TORCH names the version, by default the one
# that was measured.  The index of CPU wheels is tried first; what PyPI has works as well but
# brings 5 GB of GPU libraries along.
set -eu
build=${1:?usage: tests/peers/setup.sh BUILD}
torch=${TORCH:-torch==2.15.0}
venv=$build/peers/venv
mkdir -p "$build/peers"
[ -x "$venv/bin/python" ] || ${PYTHON:-python3} -m venv "$venv"
"$venv/bin/python" -c 'import torch, numpy' 2>/dev/null && {
    echo "peers: PyTorch is there: $venv"
    exit 0
}
echo "peers: installing $torch into $venv" >&2
"$venv/bin/pip" install --quiet --retries 1 numpy setuptools
"$venv/bin/pip" install --quiet --retries 0 "$torch" \
    --index-url https://download.pytorch.org/whl/cpu 2>/dev/null ||
    "$venv/bin/pip" install --quiet "$torch"
"$venv/bin/python" -c 'import torch; print("peers: PyTorch", torch.__version__)'
