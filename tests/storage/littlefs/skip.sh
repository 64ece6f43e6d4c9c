#!/bin/sh
# Stands in for what needs littlefs, where its sources are not there.
reason=$(cat build/deps/littlefs.missing 2>/dev/null) || reason="the sources of littlefs were not fetched (deps/fetch test)"
echo "skipped: $reason"
exit 77
