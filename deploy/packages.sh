# Debian packages, installed when they are missing. Sourced by deploy/quickstart
# and tests/run; says what it does.
#
#   need_packages build          what building takes
#   need_packages build test     and what the tests take

packages_build=(
  gcc libc6-dev cmake ninja-build pkg-config protobuf-c-compiler
  librdkafka-dev libnng-dev liblmdb-dev libluajit-5.1-dev
  libprotobuf-c-dev libxxhash-dev liblz4-dev libjansson-dev libinih-dev
  libssl-dev ca-certificates
)
packages_test=(
  libcmocka-dev clang clang-format libclang-rt-14-dev git openssl
  openjdk-17-jre-headless maven kcat iproute2 nftables procps man-db
)

need_packages() {
  local set p missing=()
  for set in "$@"; do
    local -n list="packages_$set"
    for p in "${list[@]}"; do
      [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] ||
        missing+=("$p")
    done
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    echo "missing packages: ${missing[*]}" >&2
    echo "run this as root once, or: apt-get install ${missing[*]}" >&2
    return 1
  fi
  echo "== installing ${#missing[@]} Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq &&
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
