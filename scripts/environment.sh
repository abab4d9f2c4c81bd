# Sourced by ./run and ./test: makes .venv once and installs a requirements file into it when that file changed.
# Usage: ensure_environment requirements.txt

find_python() {
    for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$candidate"
            return 0
        fi
    done
    echo "Python 3.11 or newer is needed. On Debian and Ubuntu: sudo apt install python3 python3-venv" >&2
    return 1
}

ensure_environment() {
    requirements=$1
    stamp=.venv/.installed-$(basename "$requirements" .txt)
    wanted=$(cat requirements.txt "$requirements" | cksum)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return 0
    fi
    python=$(find_python)
    if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt install python$version-venv" >&2
        exit 1
    fi
    [ -x .venv/bin/python ] || { echo "Making .venv with $("$python" --version)"; "$python" -m venv .venv; }
    echo "Installing $requirements (about 1 GB with a CPU build of torch; pip shows its progress)"
    # TORCH_INDEX names an extra package index for torch, such as the CPU-only one of the PyTorch project
    .venv/bin/python -m pip install --disable-pip-version-check \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r "$requirements"
    echo "$wanted" > "$stamp"
    # every requirements file takes in the runtime's, so ./run after ./test has nothing to install
    cat requirements.txt requirements.txt | cksum > .venv/.installed-requirements
}
