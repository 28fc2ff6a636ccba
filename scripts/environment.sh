# Sourced by the other scripts: makes `.venv` in the checkout and installs the package into it, once.
#
# Enters: dependency groups to have beside the package; CRYPTOPIPE_CORE=auto|require|skip, PYTHON.
# Leaves: an editable install in .venv, and which core it has, said. Never: a change outside the checkout.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"
export CRYPTOPIPE_CORE="${CRYPTOPIPE_CORE:-auto}"
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf 'cryptopipe: %s\n' "$*" >&2; }

# The first Python from 3.11 on that can make a virtual environment; shims that lead nowhere are passed over.
find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  say "no Python from 3.11 on that can make a virtual environment was found; install python3 and python3-venv," \
    "or name one with PYTHON"
  return 1
}

# What an installation depends on, as one number; Python sources do not count, because the install is editable.
fingerprint() {
  {
    printf '%s\n' "$ROOT" "$CRYPTOPIPE_CORE" "$(command -v cargo || echo 'no cargo')"
    cd "$ROOT" && find pyproject.toml setup.py rust -path rust/target -prune -o -type f ! -name Cargo.lock -print |
      LC_ALL=C sort | xargs cksum
  } | cksum
}

# install GROUP...: .venv with the package and these dependency groups; at once where nothing changed.
# The stamp holds the fingerprint and, a line each, the groups that are there.
install() {
  local stamp="$VENV/cryptopipe-stamp" print python group
  local -a groups
  print="$(fingerprint)"
  if installed "$stamp" "$print" "$@"; then return; fi
  say "installing into .venv (CRYPTOPIPE_CORE=$CRYPTOPIPE_CORE; the first time takes a few minutes)"
  mapfile -t groups < <({ printf '%s\n' "$@"; tail -n +2 "$stamp" 2>/dev/null || true; } | sed '/^$/d' | sort -u)
  rm -f "$stamp"
  [[ "$CRYPTOPIPE_CORE" != skip ]] || rm -f "$ROOT"/cryptopipe/core/_rust*.so
  cd "$ROOT"
  local -a wanted=(--editable .)
  for group in "${groups[@]}"; do wanted+=(--group "$group"); done
  if command -v uv >/dev/null; then
    [[ -x "$VENV/bin/python" ]] || uv venv --quiet --python '>=3.11' "$VENV"
    uv pip install --quiet --python "$VENV/bin/python" --reinstall-package cryptopipe "${wanted[@]}"
  else
    if [[ ! -x "$VENV/bin/pip" ]]; then
      python="$(find_python)"
      "$python" -m venv --clear "$VENV"
    fi
    "$VENV/bin/pip" install --quiet 'pip>=25.1' # the first that knows dependency groups
    PYTHONWARNINGS=ignore "$VENV/bin/pip" install --quiet "${wanted[@]}" # setuptools warns of every editable install
  fi
  { printf '%s\n' "$print"; printf '%s\n' "${groups[@]}"; } >"$stamp"
  say_core
}

# installed STAMP FINGERPRINT GROUP...: whether .venv already is what is asked for.
installed() {
  local stamp="$1" print="$2" group
  [[ -f "$stamp" && "$(head -n 1 "$stamp")" == "$print" && -x "$VENV/bin/cryptopipe" ]] || return
  for group in "${@:3}"; do grep -qx "$group" "$stamp" || return; done
}

say_core() {
  local name
  name="$("$VENV/bin/python" -c 'from cryptopipe import core; print(core.NAME)')"
  if [[ "$name" == native ]]; then
    say "core: native"
  elif command -v cargo >/dev/null; then
    say "core: reference (plain Python, slow: the native core was not built; CRYPTOPIPE_CORE=require shows why)"
  else
    say "core: reference (plain Python, slow: cargo was not found, so the native core was not built)"
  fi
}
