"""Faults of listings that only a host of Microsoft's can play, because they are about its pages and links."""

from __future__ import annotations

from urllib.parse import quote

from infra.local.simulators.wire import Answer, Request

# Played by the handlers, while they make a page or a batch.
INSIDE = frozenset({"page_cut", "half_listing", "batch_inner_429"})
# Played here, on a page that is made already.
AFTERWARDS = frozenset({"foreign_next_link", "empty_page_with_next_link", "empty_listing"})
QUIRKS = INSIDE | AFTERWARDS


def spoiled(quirk: str | None, answer: Answer, request: Request, base: str) -> Answer:
    """Spoil a page that was made for a request to the host at `base`; any other answer stays as it is."""
    if quirk not in AFTERWARDS or not isinstance(answer.body, dict) or "value" not in answer.body:
        return answer
    body = dict(answer.body)
    query = "&".join(f"{quote(name, safe='$')}={quote(value)}" for name, value in request.query)
    again = f"{base}{quote(request.path)}" + (f"?{query}" if query else "")
    match quirk:
        case "foreign_next_link":
            body["@odata.nextLink"] = f"https://graph.example.net/next?of={again.rpartition('/')[2]}"
            body.pop("@odata.deltaLink", None)
        case "empty_page_with_next_link":
            body |= {"value": [], "@odata.nextLink": again}
            body.pop("@odata.deltaLink", None)
        case "empty_listing":
            body["value"] = []
            body.pop("@odata.nextLink", None)
    answer.body = body
    return answer
