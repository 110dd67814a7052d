# shellcheck shell=bash
# What check-fresh and check-image share: bare systems of this machine's own release
# to chroot into. Sourced from the repository's root, with in $me the name of the
# script and in $work a folder that goes when it ends.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/gridpatrol/check-fresh
# shellcheck disable=SC1091
. /etc/os-release
suite=$VERSION_CODENAME

say() { echo "$me: $* ($SECONDS s)"; }
die() { echo "$me: $*" >&2; exit 1; }

# want_tools NAME...: root, and what a chroot is made with.
want_tools() {
  [ "$(id -u)" -eq 0 ] || die "a chroot needs root"
  local tool
  for tool in debootstrap unshare "$@"; do
    command -v "$tool" >/dev/null || die "$tool is missing"
  done
}

# The mirror this machine is set up with, and its release's own sources alone.
sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/{debian,ubuntu}.sources; do
  if [ -s "$file" ]; then sources+=("$file"); fi
done
mirror=$(sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb (\[[^]]*\] )?([^ ]+) .*/\2/p' "${sources[@]}" | head -n 1)

# How this machine reaches mirrors: sources, proxies, names, root certificates.
lend_network() {
  rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d
  mkdir -p "$1"/etc/apt/sources.list.d "$1"/etc/apt/apt.conf.d "$1"/etc/ssl/certs
  local file
  for file in "${sources[@]}"; do cp -L "$file" "$1$file"; done
  for file in /etc/apt/apt.conf.d/*; do
    if grep -q 'Acquire::.*Proxy' "$file"; then cp -L "$file" "$1$file"; fi
  done
  cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
}

# stale FILE SCRIPT...: whether a kept system is older than a week, or than what
# makes it.
stale() {
  local kept=$1 script
  shift
  [ -e "$kept" ] || return 0
  for script in scripts/chroot.sh "$@"; do
    [ ! "$script" -nt "$kept" ] || return 0
  done
  [ -n "$(find "$kept" -mtime +7)" ]
}

# keep DIR NAME: keeps a system under a name for the next time.
keep() {
  mkdir -p "$cache"
  tar -C "$1" -cf "$cache/$2.tar.part" .
  mv "$cache/$2.tar.part" "$cache/$2.tar"
}

# slim_system DIR: a system with the smallest set of packages and nothing more.
slim_system() {
  if stale "$cache/$suite-slim.tar"; then
    local fresh=$work/slim
    say "bootstrapping $ID $suite"
    debootstrap --variant=minbase "$suite" "$fresh" "$mirror" >"$work/debootstrap.log" 2>&1 ||
      { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
    # Nobody will miss this system after a power cut; without this, dpkg waits for
    # the disk at every file.
    echo force-unsafe-io >"$fresh/etc/dpkg/dpkg.cfg.d/check-fresh"
    keep "$fresh" "$suite-slim"
    rm -rf --one-file-system "$fresh"
  fi
  mkdir -p "$1"
  tar -C "$1" -xf "$cache/$suite-slim.tar"
  lend_network "$1"
}

# packages DIR NAME...: installs packages in a system.
packages() {
  local dir=$1
  shift
  chroot "$dir" env DEBIAN_FRONTEND=noninteractive bash -c \
    'apt-get -q update && apt-get -q install -y --no-install-recommends "$@" && apt-get clean' - "$@" \
    >"$work/apt.log" 2>&1 || { tail -n 20 "$work/apt.log" >&2; exit 1; }
}

# lend_kernel DIR: what programs ask of the kernel, and this machine's root
# certificates, for a machine behind a proxy that signs for itself.
lend_kernel() {
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
  mkdir -p "$1/etc/ssl/certs"
  cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"
}

# Go and Node as whoever downloads them has them.
lend_go() {
  mkdir -p "$1/usr/local/go"
  mount --bind "$(go env GOROOT)" "$1/usr/local/go"
}
lend_node() {
  mkdir -p "$1/usr/local/bin" "$1/usr/local/lib/node_modules"
  cp -L "$(command -v node)" "$1/usr/local/bin/node"
  cp -rL "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$1/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$1/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$1/usr/local/bin/npx"
}

# lend_settings: into lent_environment, where this machine downloads from.
lend_settings() {
  lent_environment=(SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
    npm_config_registry="$(npm config get registry)" GOPROXY="$(go env GOPROXY)" GOSUMDB="$(go env GOSUMDB)")
  local name
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    if [ -n "${!name:-}" ]; then lent_environment+=("$name=${!name}"); fi
  done
}

# lend_caches DIR: the Go and npm caches of this machine, when it is asked to.
lend_caches() {
  [ -n "${CHECK_FRESH_CACHES:-}" ] || return 0
  # On a machine that has not built anything yet they are not there.
  mkdir -p "$1"/lent/{mod,build,npm} "$(go env GOMODCACHE)" "$(go env GOCACHE)"
  mount --bind "$(go env GOMODCACHE)" "$1/lent/mod"
  mount --bind "$(go env GOCACHE)" "$1/lent/build"
  lent_environment+=(GOMODCACHE=/lent/mod GOCACHE=/lent/build)
  local npm_cache
  if npm_cache=$(npm config get cache) && [ -d "$npm_cache" ]; then
    mount --bind "$npm_cache" "$1/lent/npm"
    lent_environment+=(npm_config_cache=/lent/npm)
  fi
}
