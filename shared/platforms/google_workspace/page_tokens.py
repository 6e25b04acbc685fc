"""Page tokens of a listing, which live for three days: one that Google does not take any more ends the listing.

https://developers.google.com/workspace/admin/directory/reference/rest/v1/users/list
"""

from collections.abc import AsyncGenerator, Callable

from shared.platforms.directory_reading import Expired, Page, Pages
from shared.platforms.google_workspace.api import GoogleRefused
from shared.protection.listings import BEGINNING, Listing


def until_expired(pages: Callable[[Listing], AsyncGenerator[Page]]) -> Pages:
    """The same pages, and Expired where Google refuses a token as an argument that is not valid."""

    async def known(listing: Listing) -> AsyncGenerator[Page]:
        place = listing.link
        try:
            async for page in pages(listing):
                yield page
                place = page.link
        except GoogleRefused as refused:
            if refused.status != 400 or place == BEGINNING:
                raise
            raise Expired from None

    return known
