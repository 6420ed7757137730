"""The container's health check, ``python -m bot.healthcheck``: requests ``/healthz``."""

from __future__ import annotations

import http.client
import os
import sys


def main() -> int:
    """Return the exit code: 0 if ``/healthz`` answers 200, else 1."""
    port = int(os.environ.get("METRICS_PORT") or 0)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return 0 if connection.getresponse().status == http.HTTPStatus.OK else 1
    except OSError:
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
