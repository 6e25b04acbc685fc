"""A person is erased, in the console: the address is typed, and what was emptied and what stays is shown."""

from shared.flows import people
from shared.flows.app import App
from shared.web.api.people import ErasedPerson
from shared.web.http import Request, Response, checked
from shared.web.pages import shown
from shared.web.pages.forms import one, posted


async def erase(app: App, request: Request) -> Response:
    """Erase the person with this address."""
    typed = one(posted(request), "address")
    person = checked(lambda: ErasedPerson(address=typed))
    done = await people.erase(app, person.address, request.actor.name, request.actor.customer)
    return shown(app, request, "erased.html", done=done)
