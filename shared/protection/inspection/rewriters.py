"""Where a link leads that another protection, a search engine or a network has rewritten: a table, and its one reader.

Each row: the rewriter's hosts, a path that such links have, and where in the link the address stands, or that only the
rewriter knows it. The forms are their makers' own; each row has a test with a link of its kind.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from shared.protection.inspection.links import host_of

# A link through one rewriter after another.
DEEPEST = 5
NO_REWRITER = None

Reader = Callable[[str, Mapping[str, list[str]]], str | None]


@dataclass(frozen=True, kw_only=True)
class Unwrapped:
    """Where a link leads in the end (None if only its rewriter knows), and `through` whose hands, outermost first."""

    target: str | None
    through: tuple[str, ...] = ()


def _parameter(*names: str) -> Reader:
    return lambda _, given: next((given[name][0] for name in names if name in given), None)


def _path(pattern: str) -> Reader:
    compiled = re.compile(pattern)

    def read(path: str, _: Mapping[str, list[str]]) -> str | None:
        found = compiled.search(path)
        return unquote(found[1]) if found else None

    return read


def _proofpoint_2(_: str, given: Mapping[str, list[str]]) -> str | None:
    found = given.get("u", [""])[0]
    return unquote(found.replace("-", "%").replace("_", "/")) or None


def _proofpoint_3(path: str, _: Mapping[str, list[str]]) -> str | None:
    """A host has no letter that this form takes out; what stands for others is of no matter here."""
    found = re.search(r"/v3/__(.+?)__;", path)
    # One slash of the scheme's two is lost on the way through some programs.
    return re.sub(r"^(https?:/)(?!/)", r"\1/", found[1]) if found else None


def _base64_parameter(name: str, skipped: int = 0) -> Reader:
    def read(_: str, given: Mapping[str, list[str]]) -> str | None:
        text = given.get(name, [""])[0][skipped:]
        try:
            found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return None
        return found if found.startswith(("http:", "https:")) else None

    return read


def _unknown(_: str, __: Mapping[str, list[str]]) -> str | None:
    return ""


GOOGLE = r"(?:www\.)?google\.(?:com|[a-z]{2}|com?\.[a-z]{2})"
TABLE: tuple[tuple[str, str, Reader], ...] = (
    # Of other protections.
    (r"(?:.+\.)?safelinks\.protection\.(?:outlook\.com|office365\.us|partner\.outlook\.cn)", "/", _parameter("url")),
    (r"statics\.teams\.cdn\.(?:office|live)\.(?:net|com)", "/evergreen-assets/safelinks/", _parameter("url")),
    (r"urldefense(?:\.proofpoint)?\.(?:com|us)", "/v1/url", _parameter("u")),
    (r"urldefense(?:\.proofpoint)?\.(?:com|us)", "/v2/url", _proofpoint_2),
    (r"urldefense(?:\.proofpoint)?\.(?:com|us)", "/v3/", _proofpoint_3),
    (r"linkprotect\.cudasvc\.com", "/url", _parameter("a")),
    (r"clicktime\.symantec\.com", "/", _parameter("u")),
    (r"(?:.+\.)?clicktime\.cloud\.postoffice\.net", "/", _parameter("u")),
    (r"secure-web\.cisco\.com", "/", _path(r"/[^/]+/(https?(?:%3A|:).+)")),
    (r"(?:.+\.)?mimecast(?:protect)?\.com", "/s/", _parameter("domain")),
    (r"(?:.+\.)?mimecastprotect\.com", "/", _unknown),
    (r"(?:.+\.)?trendmicro\.(?:com|eu|co\.jp)", "/wis/clicktime/", _parameter("url")),
    (r"(?:.+\.)?protection\.sophos\.com", "/", _parameter("d")),
    (r"protect\d*\.(?:fireeye|trellix)\.com", "/", _parameter("u")),
    (r"url\.avanan\.click|protect\.checkpoint\.com|url\.[a-z]{2}\.m\.mimecast\.com", "/", _path(r"/___(.+?)___")),
    (r"scanmail\.trustwave\.com", "/", _parameter("u")),
    (r"urlsand\.(?:esvalabs\.com|net)|(?:.+\.)?urlsand\.com", "/", _parameter("u")),
    (r"(?:atpscan\.global|seclinks)\.(?:hornetsecurity\.com|cloud-security\.net)", "/", _parameter("url")),
    (r"(?:.+\.)?inky\.com", "/link", _parameter("domain")),
    (r"deref-(?:mail|gmx|web)(?:-\d+)?\.(?:com|net|de)", "/", _parameter("redirectUrl")),
    # Of search engines and networks.
    (GOOGLE, "/url", _parameter("q", "url")),
    (GOOGLE, "/amp/s/", _path(r"/amp/s/(.+)")),
    (rf"adclick\.g\.doubleclick\.net|(?:www\.)?googleadservices\.com|{GOOGLE}", "/(?:pcs/click|(?:pagead/)?aclk)",
     _parameter("adurl")),
    (r"plus\.url\.google\.com", "/", _parameter("q", "url")),
    (r"(?:www\.)?youtube\.com", "/redirect", _parameter("q")),
    (r"(?:www\.)?bing\.com", "/ck/a", _base64_parameter("u", 2)),
    (r"r\.search\.yahoo\.com", "/", _path(r"/RU=([^/]+)")),
    (r"(?:www\.)?duckduckgo\.com", "/l/", _parameter("uddg")),
    (r"lm?\.facebook\.com|(?:www\.)?facebook\.com|l\.instagram\.com", r"/l\.php", _parameter("u")),
    (r"(?:www\.)?linkedin\.com", "/(?:redir|safety|authwall)", _parameter("url", "sessionRedirect")),
    (r"slack-redir\.net", "/link", _parameter("url")),
    (r"t\.umblr\.com", "/redirect", _parameter("z")),
    (r"(?:www\.)?vk\.com", r"/away\.php", _parameter("to")),
    (r"steamcommunity\.com", "/linkfilter", _parameter("url", "u")),
)  # fmt: skip
ROWS = tuple((re.compile(hosts), re.compile(path), reader) for hosts, path, reader in TABLE)


def unwrapped(target: str) -> Unwrapped:
    """Follow a link through all rewriters that are known."""
    through: list[str] = []
    where: str | None = target
    while where is not None and len(through) < DEEPEST:
        host = host_of(where)
        inner = _inner(where, host) if host is not None else NO_REWRITER
        if host is None or inner is NO_REWRITER:
            break
        where = inner or None
        through.append(host)
    return Unwrapped(target=where, through=tuple(through))


def leads_to(target: str) -> list[str]:
    """The hosts that a link leads to: the rewriters' that it goes through, and the last."""
    where = unwrapped(target)
    last = host_of(where.target) if where.target else None
    return [*where.through, *([last] if last else [])]


def _inner(target: str, host: str) -> str | None:
    """The address in a rewritten link; "" if only the rewriter knows it, NO_REWRITER if it is no such link."""
    rows = [(path, reader) for hosts, path, reader in ROWS if hosts.fullmatch(host)]
    if not rows:
        return NO_REWRITER
    try:
        split = urlsplit(target.replace("\\", "/"))
        given = parse_qs(split.query, max_num_fields=50)
    except ValueError:
        return NO_REWRITER
    readers = [reader for path, reader in rows if path.match(split.path or "/")]
    found = (inner for reader in readers if (inner := reader(split.path, given)) is not None)
    # One of the rewriter's own pages, where none gives an answer.
    return next(found, NO_REWRITER)
