#!/usr/bin/env bash
# npm run softroce -- [OPTION ...] COMMAND [ARG ...]
# Runs a command in a guest with soft-RoCE (boot.sh), after fetching a kernel the first time. Options are those of
# boot.sh: --pm MIB, --net listen=PORT|connect=PORT, --cores N, --seconds N. Says what to install where something is
# missing. With --prepare in place of a command it does nothing else.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
usage() {
  echo "softroce: $1; usage: npm run softroce -- [--pm MIB] [--net listen=PORT|connect=PORT] [--cores N]" \
    "[--seconds N] COMMAND [ARG ...]" >&2
  exit 2
}

options=() prepare=
while [ $# -gt 0 ]; do case $1 in
  --pm|--cores|--seconds) [[ ${2:-} =~ ^[0-9]+$ ]] || usage "$1 ${2:-}: expected a number"
    options+=("$1" "$2"); shift 2;;
  --net) [[ ${2:-} =~ ^(listen|connect)=[0-9]+$ ]] || usage "$1 ${2:-}: expected listen=PORT or connect=PORT"
    options+=("$1" "$2"); shift 2;;
  --prepare) prepare=1; shift;;
  --) shift; break;;
  -*) usage "unknown option $1";;
  *) break;; esac; done
[ $# -gt 0 ] || [ -n "$prepare" ] || usage "no command given"

missing=()
need() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ] || missing+=("$2"); }
need qemu-system-x86_64 qemu-system-x86; need busybox busybox-static; need modprobe kmod; need cpio cpio
need xz xz-utils; need rdma iproute2; need ibv_devices ibverbs-utils
case " ${options[*]-} " in *" --pm "*) need ndctl ndctl;; esac
if [ ${#missing[@]} -gt 0 ]; then
  echo "softroce: missing ${missing[*]}: apt-get install ${missing[*]} rdma-core" >&2; exit 2
fi
export FARSIDE_KERNEL=${FARSIDE_KERNEL:-$HOME/.cache/farside/kernel}
[ -d "$FARSIDE_KERNEL/lib/modules" ] || "$here/fetch-kernel.sh" >&2
[ -z "$prepare" ] || exit 0
exec "$here/boot.sh" ${options[@]+"${options[@]}"} -- "$@"
