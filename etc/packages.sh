# What Cohort needs from Debian 12 or 13, by package name. Sourced by quickstart and test; not run by itself.

PACKAGES_BUILD="gcc libc6-dev cmake ninja-build pkg-config git
    libltdl-dev libuv1-dev libjansson-dev liblz4-dev liblmdb-dev libmicrohttpd-dev zlib1g-dev
    libcurl4-openssl-dev libldns-dev"
PACKAGES_TRY="curl bind9-dnsutils python3"
PACKAGES_TEST="$PACKAGES_TRY libcmocka-dev redis-server clang libclang-rt-dev clang-tidy clang-format"
PACKAGES_BENCH="wrk dnsperf knot"

# install_packages NAME...: installs those that are missing, with apt, as root or through sudo. Quiet when there is nothing to do.
install_packages() {
    missing=""
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    as_root=""
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "These Debian packages are missing:$missing" >&2
            echo "Install them as root (apt-get install$missing), or install sudo, and run this again." >&2
            exit 1
        }
        as_root=sudo
    fi
    echo "==> Installing from Debian:$missing"
    $as_root apt-get update -qq
    # Services that a package would start (redis) stay off: the tests run their own.
    $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
