#!/usr/bin/env python3
"""A collector in Python: what a process monitor saw, sent to a running engine as lines of JSON.

Needs the standard library only, and knows nothing of other collectors. What it shares with them is the W3C
traceparent that came with the work, here in the environment.

    TRACEPARENT=00-...-01 python3 collector.py http://127.0.0.1:7423 FILE
"""

import hashlib
import json
import os
import sys
import urllib.error
import urllib.request


def reports(traceparent, path):
    """A shell starts a program out of /tmp, which packs a file."""
    trace = traceparent.split("-")[1]
    with open(path, "rb") as file:
        sha256 = hashlib.sha256(file.read()).hexdigest()
    seen = [
        ("process.started", {"image": "/tmp/.x/kworker", "commandLine": "/tmp/.x/kworker -q", "parentImage": "/bin/bash"}),
        ("process.started", {"image": "/bin/tar", "commandLine": "tar czf s.tgz /srv/app", "parentImage": "/tmp/.x/kworker"}),
        ("file.written", {"path": "/tmp/.x/s.tgz", "file": {"name": "s.tgz", "sha256": sha256}}),
    ]
    for number, (kind, data) in enumerate(seen):
        yield {
            # An id of its own: sent again, an event is stored once.
            "id": f"procmon-{trace}-{number}",
            "type": kind,
            "source": "procmon@web-1",
            "traceparent": traceparent,
            "correlationId": f"program-{trace}",
            "correlation": {"stage": "execution", "tags": {"component": "procmon", "collector_type": "python"}},
            "metadata": {"user": "deploy", "host": "web-1"},
            "data": {"host": "web-1", **data},
        }


def main():
    server, path = sys.argv[1], sys.argv[2]
    lines = "".join(json.dumps(event) + "\n" for event in reports(os.environ["TRACEPARENT"], path))
    request = urllib.request.Request(
        server + "/v1/events?items=failed",
        data=lines.encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    try:
        # A 2xx means that they are on the disk.
        with urllib.request.urlopen(request) as answer:
            print("process monitor:", answer.read().decode())
    except urllib.error.HTTPError as refused:
        sys.exit(f"process monitor: {refused.code} {refused.read().decode()}")


main()
