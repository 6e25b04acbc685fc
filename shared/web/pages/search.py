"""Search from anywhere: connections, customers, domains, the console's pages, its settings, and the runbook's codes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from pydantic import Field

from shared.connections import search
from shared.connections.search import Wanted
from shared.connections.status import status_of
from shared.flows.app import App
from shared.protection import directory_search
from shared.web.compression import packed
from shared.web.http import Request, Response, Strict
from shared.web.pages import NAVIGATION, STATUSES, counted, shown
from shared.web.pages.deployment import listed
from shared.web.pages.runbook import entries

# Of one kind, so many are shown; a list of all is one click away where there is one.
MAX_RESULTS_SHOWN = 10
# Where people want to go beside the pages of the navigation, with the words under which they look for it.
PLACES: Sequence[tuple[str, str, str]] = (
    ("/connections/new", "New connection", "create add invite customer tenant"),
    ("/connections?archived=true", "Archive: closed connections", "certificates closed offboarded"),
    ("/witnesses", "Witnesses", "cosign checkpoints log keys"),
    ("/documentation", "Keyboard shortcuts", "keys help"),
    ("/api/openapi.json", "API description (OpenAPI)", "documents swagger programs"),
    ("/runbook", "Runbook: what each code means", "documents errors codes help"),
)


class Asked(Strict):
    """What is looked for."""

    q: str = Field("", max_length=253)


@dataclass(frozen=True, kw_only=True)
class Found:
    """One find: where it leads, what it is called, and what tells it from others."""

    path: str
    title: str
    more: str = ""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The finds of one kind, and where all of them are listed, if somewhere."""

    title: str
    found: Sequence[Found]
    rest: str = ""


async def page(app: App, request: Request) -> Response:
    """What is found, by kind; a kind of which there is nothing is left out."""
    text = request.parameters(Asked).q.strip()
    groups = [group for group in await _groups(app, request, text) if group.found] if text else []
    return packed(request, shown(app, request, "search.html", text=text, groups=groups))


async def _groups(app: App, request: Request, text: str) -> list[Group]:
    customer = request.actor.customer
    connections = await search.every(app.database, Wanted(customer=customer, text=text), most=MAX_RESULTS_SHOWN + 1)
    domains = await directory_search.domains(app.database, text, customer, most=MAX_RESULTS_SHOWN)
    names = await search.names(app.database, [connection for _, connection in domains])
    customers = (await search.count(app.database, Wanted(customer=customer)))["customer"]
    words = text.lower().split()
    return [
        Group(
            title="Connections",
            found=[
                Found(
                    path=f"/connections/{one.id}",
                    title=one.name,
                    more=", ".join(filter(None, (STATUSES[status_of(one)], one.customer, one.expected_tenant))),
                )
                for one in connections[:MAX_RESULTS_SHOWN]
            ],
            rest=f"/connections?{urlencode({'q': text})}" if len(connections) > MAX_RESULTS_SHOWN else "",
        ),
        Group(
            title="Customers",
            found=[
                Found(
                    path=f"/connections?{urlencode({'customer': name})}", title=name, more=counted(many, "connection")
                )
                for name, many in customers.items()
                if name and _holds(words, name)
            ][:MAX_RESULTS_SHOWN],
        ),
        Group(
            title="Domains",
            found=[Found(path=f"/connections/{one}", title=domain, more=names[one]) for domain, one in domains],
        ),
        Group(title="Pages and documents", found=list(_places(words, everything=customer is None))),
        Group(title="Settings", found=list(_settings(app, words))[:MAX_RESULTS_SHOWN] if customer is None else []),
        Group(
            title="Codes",
            found=[
                Found(path=f"/runbook/{name}", title=name, more=code.means)
                for name, code in entries(app).items()
                if _holds(words, name, name.replace("_", " "), code.means)
            ][:MAX_RESULTS_SHOWN],
            rest=f"/documentation?{urlencode({'q': text})}#codes",
        ),
    ]


def _places(words: Iterable[str], *, everything: bool) -> Iterable[Found]:
    for path, title, _, fleet in NAVIGATION:
        if _holds(words, title) and (everything or not fleet):
            yield Found(path=path, title=title)
    for path, title, more in PLACES:
        if _holds(words, title, more):
            yield Found(path=path, title=title)


def _settings(app: App, words: Iterable[str]) -> Iterable[Found]:
    for one in listed("FOOTPRINT_", app.settings):
        if _holds(words, one["name"], one["name"].replace("_", " "), one["meaning"]):
            yield Found(path=f"/settings#{one['name']}", title=one["name"], more=one["meaning"])


def _holds(words: Iterable[str], *texts: str) -> bool:
    """Whether every word is in one of the texts."""
    whole = " ".join(texts).lower()
    return all(word in whole for word in words)
