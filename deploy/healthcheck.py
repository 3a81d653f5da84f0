"""Exit 0 when the server on the given local port answers /healthz, as the public host."""

import http.client
import os
import sys
from urllib.parse import urlsplit


def main(port: int) -> int:
    """Ask once; the exit status for the container engine."""
    host = urlsplit(os.environ["PUBLIC_URL"]).netloc
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", "/healthz", headers={"Host": host, "X-Forwarded-Proto": "https"})
        return 0 if connection.getresponse().status == 200 else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
