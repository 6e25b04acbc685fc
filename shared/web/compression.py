"""Long answers that hold no secret are sent compressed: with one, their length could tell of it (CVE-2013-3587)."""

import gzip
from dataclasses import replace

from shared.web.http import Request, Response

WORTH_IT = 1400  # bytes: less is one packet anyway


def packed(request: Request, response: Response) -> Response:
    """The answer, compressed for a browser that takes it."""
    if "gzip" not in request.headers.get("accept-encoding", "") or len(response.body) < WORTH_IT:
        return response
    headers = {**response.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return replace(response, headers=headers, body=gzip.compress(response.body, compresslevel=6, mtime=0))
