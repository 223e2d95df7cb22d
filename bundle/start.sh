#!/bin/sh
# Open the workbook: ./start.sh, or sh start.sh.  Tried on Linux; not tried on macOS.
cd "$(dirname "$0")" || exit 1
for python in python3 python3.14 python3.13 python3.12 python3.11; do
    # Behind such a name may be no Python but a stand-in that asks one to install it, so each is tried.
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 7))' >/dev/null 2>&1; then
        exec "$python" start.py "$@"
    fi
done
echo "Python is needed and none was found; START.txt says which." >&2
exit 1
