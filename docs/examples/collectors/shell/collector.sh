#!/bin/sh
# A collector in shell: what a network monitor saw, sent to a running engine by curl.
#
# Knows nothing of other collectors. What it shares with them is the W3C traceparent that came with the work, here in
# the environment.
#
#     TRACEPARENT=00-...-01 sh collector.sh http://127.0.0.1:7423 FILE
set -eu

server=$1
file=$2
trace=$(echo "$TRACEPARENT" | cut -d - -f 2)
if command -v sha256sum >/dev/null; then
    sha256=$(sha256sum <"$file" | cut -d ' ' -f 1)
else
    sha256=$(shasum -a 256 <"$file" | cut -d ' ' -f 1)
fi

# An upload of that file to an address that nobody knows. It has an id of its own: sent again, it is stored once.
# A 2xx means that it is on the disk; --fail makes anything else the exit code.
printf 'network monitor: '
curl --silent --show-error --fail-with-body "$server/v1/events?items=failed" \
    --header 'Content-Type: application/x-ndjson' --data-binary @- <<JSON
{"id": "netmon-$trace-0", "type": "network.flow", "source": "netmon@web-1", "traceparent": "$TRACEPARENT", "correlationId": "upload-$trace", "correlation": {"stage": "exfiltration", "tags": {"component": "netmon", "collector_type": "shell"}}, "metadata": {"host": "web-1"}, "data": {"host": "web-1", "address": "198.51.100.23", "port": 443, "direction": "out", "bytesOut": 48731204, "file": {"name": "s.tgz", "sha256": "$sha256"}}}
JSON
echo
