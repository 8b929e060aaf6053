#!/bin/sh
# Builds the launcher in place, statically: with musl where it is, else with the C library's static archive.
#   build.sh [LAUNCHER]; CC, CFLAGS and SANITIZE=1 (ASan and UBSan, dynamic) are honoured
set -eu
here=$(cd "$(dirname "$0")" && pwd)
output=${1:-$here/contain-launcher}
warn="-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla -Wno-missing-field-initializers -Wno-cast-qual"
base="-std=c17 -D_GNU_SOURCE $warn -fstack-protector-strong -ffunction-sections -fdata-sections"
if [ "${SANITIZE:-}" = 1 ]; then
    ${CC:-gcc} $base -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined ${CFLAGS:-} -o "$output.new$$" "$here"/src/program/launcher.c "$here"/src/*.c "$here"/src/operations/*.c "$here"/src/front/*.c
    exec mv "$output.new$$" "$output"
fi
if [ -z "${CC:-}" ] && command -v musl-gcc >/dev/null 2>&1; then
    CC=musl-gcc
    base="$base -flto=auto -idirafter /usr/include -idirafter /usr/include/$(gcc -print-multiarch)"
fi
${CC:-gcc} $base -Os -fno-asynchronous-unwind-tables -fno-unwind-tables -static -Wl,--gc-sections -s ${CFLAGS:-} -o "$output.new$$" "$here"/src/program/launcher.c "$here"/src/*.c "$here"/src/operations/*.c "$here"/src/front/*.c
mv "$output.new$$" "$output"
