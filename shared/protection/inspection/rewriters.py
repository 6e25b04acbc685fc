"""Where a link leads that another protection, a search engine or a network has rewritten: a table, and its one reader.

Each row: the rewriter's hosts, a path that such links have, and where in the link the address stands, or that only the
rewriter knows it. The forms are their makers' own; each row has a test with a link of its kind.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from shared.protection.inspection.links import MAX_LINK_CHARS, and_above, host_of

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
    """Their names are in small letters here: some rewriters write them in either case."""
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


def _egress(_: str, given: Mapping[str, list[str]]) -> str | None:
    text = given.get("base64url", [""])[0]
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return zlib.decompressobj().decompress(packed, MAX_LINK_CHARS).decode("utf-8", "replace")
    except (binascii.Error, ValueError, zlib.error):
        return ""


def _unknown(_: str, __: Mapping[str, list[str]]) -> str | None:
    return ""


# Google's hosts are as many as there are countries; all stand for one here.
GOOGLE = re.compile(r"(?:www\.)?google\.(?:com|[a-z]{2}|com?\.[a-z]{2})")
# By the host, which may also stand below the one that is named.
TABLE: tuple[tuple[str, str, Reader], ...] = (
    # Of other protections.
    ("safelinks.protection.outlook.com", "/", _parameter("url")),
    ("safelinks.protection.office365.us", "/", _parameter("url")),
    ("safelinks.protection.partner.outlook.cn", "/", _parameter("url")),
    ("statics.teams.cdn.office.net", "/evergreen-assets/safelinks/", _parameter("url")),
    ("urldefense.proofpoint.com", "/v1/url", _parameter("u")),
    ("urldefense.proofpoint.com", "/v2/url", _proofpoint_2),
    ("urldefense.com", "/v2/url", _proofpoint_2),
    ("urldefense.com", "/v3/", _proofpoint_3),
    ("urldefense.us", "/v2/url", _proofpoint_2),
    ("urldefense.us", "/v3/", _proofpoint_3),
    ("linkprotect.cudasvc.com", "/url", _parameter("a")),
    ("clicktime.symantec.com", "/", _parameter("u")),
    ("clicktime.cloud.postoffice.net", "/", _parameter("u")),
    ("secure-web.cisco.com", "/", _path(r"/[^/]+/(https?(?:%3A|:).+)")),
    ("mimecast.com", "/s/", _parameter("domain")),
    ("mimecast.com", "/", _path(r"/___(.+?)___")),
    ("mimecastprotect.com", "/s/", _parameter("domain")),
    ("mimecastprotect.com", "/", _unknown),
    ("trendmicro.com", "/wis/clicktime/", _parameter("url")),
    ("trendmicro.eu", "/wis/clicktime/", _parameter("url")),
    ("protection.sophos.com", "/", _parameter("d")),
    ("fireeye.com", "/(?:v1/)?url", _parameter("u")),
    ("trellix.com", "/(?:v1/)?url", _parameter("u")),
    ("url.avanan.click", "/", _path(r"/___(.+?)___")),
    ("protect.checkpoint.com", "/", _path(r"/___(.+?)___")),
    ("scanmail.trustwave.com", "/", _parameter("u")),
    ("urlsand.esvalabs.com", "/", _parameter("u")),
    ("atpscan.global.hornetsecurity.com", "/", _parameter("url")),
    ("atpscan.global.hornetsecurity.com", "/index", _unknown),
    ("linklock.titanhq.com", "/analyse", _parameter("url")),
    ("url.emailprotection.link", "/", _unknown),
    ("url.serverdata.net", "/", _unknown),
    ("mailanyone.net", "/", _unknown),
    ("defend.egress.com", "/", _egress),
    ("outlook.office.com", r"/(?:owa/redir\.aspx|mail/safelink\.html)", _parameter("url")),
    ("outlook.office365.com", r"/(?:owa/redir\.aspx|mail/safelink\.html)", _parameter("url")),
    ("outlook.live.com", r"/(?:owa/redir\.aspx|mail/safelink\.html)", _parameter("url")),
    ("seclinks.cloud-security.net", "/", _parameter("url")),
    ("inky.com", "/link", _parameter("domain")),
    ("link.zixcentral.com", "/", _parameter("u")),
    ("link.edgepilot.com", "/s/", _parameter("u")),
    ("global.sonicwall.com", "/click", _parameter("encoded_url")),
    ("antiphishing.vadesecure.com", "/v", _parameter("u")),
    ("url-protection.com", "/v1/url", _parameter("o")),
    ("protection.retarus.com", "/v1", _parameter("u")),
    ("scanner.topsec.com", "/", _parameter("u")),
    ("safelink.emails.azure.net", "/redirect", _parameter("destination")),
    ("deref-mail.com", "/", _parameter("redirecturl")),
    ("deref-gmx.net", "/", _parameter("redirecturl")),
    ("deref-web-02.de", "/", _parameter("redirecturl")),
    ("deref-web.de", "/", _parameter("redirecturl")),
    # Of search engines and networks.
    ("google.com", "/url", _parameter("q", "url")),
    ("google.com", "/amp/s/", _path(r"/amp/s/(.+)")),
    ("google.com", "/(?:pagead/)?aclk", _parameter("adurl")),
    ("cdn.ampproject.org", "/[a-z]+/(?:s/)?", _path(r"^/[a-z]+/(?:s/)?([^/]+\..+)")),
    ("googleadservices.com", "/pagead/aclk", _parameter("adurl")),
    ("translate.google.com", "/(?:translate|website)", _parameter("u")),
    ("doubleclick.net", "/pcs/click", _parameter("adurl")),
    ("doubleclick.net", "/ddm/(?:track)?clk/", _path(r"\?(https?:.+)")),
    ("meet.google.com", "/linkredirect", _parameter("dest")),
    ("youtube.com", "/redirect", _parameter("q")),
    ("bing.com", "/ck/a", _base64_parameter("u", 2)),
    ("r.search.yahoo.com", "/", _path(r"/RU=([^/]+)")),
    ("duckduckgo.com", "/l/", _parameter("uddg")),
    ("facebook.com", r"/l\.php|/flx/warn", _parameter("u")),
    ("l.instagram.com", "/", _parameter("u")),
    ("l.messenger.com", r"/l\.php", _parameter("u")),
    ("l.wl.co", "/l", _parameter("u")),
    ("out.reddit.com", "/", _parameter("url")),
    ("medium.com", "/r/", _parameter("url")),
    ("pinterest.com", "/offsite", _parameter("url")),
    ("tiktok.com", "/link/v2", _parameter("target")),
    ("sba.yandex.net", "/redirect", _parameter("url")),
    ("disq.us", "/(?:p/|url)", _parameter("url")),
    ("go.skimresources.com", "/", _parameter("url")),
    ("viglink.com", "/", _parameter("u", "out")),
    ("anonym.to", "/", _path(r"\?(https?:.+)")),
    ("exit.sc", "/", _parameter("url")),
    ("href.li", "/", _path(r"\?(https?:.+)")),
    ("linkedin.com", "/(?:redir|safety|authwall)", _parameter("url", "sessionredirect")),
    ("slack-redir.net", "/link", _parameter("url")),
    ("t.umblr.com", "/redirect", _parameter("z")),
    ("vk.com", r"/away\.php", _parameter("to")),
    ("steamcommunity.com", "/linkfilter", _parameter("url", "u")),
)
ROWS: Mapping[str, Sequence[tuple[re.Pattern[str], Reader]]] = {
    host: [(re.compile(path), reader) for named, path, reader in TABLE if named == host] for host, _, _ in TABLE
}


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
    host = host_of(target)
    if host is None or not _rows(host):
        return [host] if host else []
    where = unwrapped(target)
    last = host_of(where.target) if where.target else None
    return [*where.through, *([last] if last else [])]


def _inner(target: str, host: str) -> str | None:
    """The address in a rewritten link; "" if only the rewriter knows it, NO_REWRITER if it is no such link."""
    rows = _rows(host)
    if not rows:
        return NO_REWRITER
    try:
        split = urlsplit(target.replace("\\", "/"))
        given = {name.lower(): values for name, values in parse_qs(split.query, max_num_fields=50).items()}
    except ValueError:
        return NO_REWRITER
    readers = [reader for path, reader in rows if path.match(split.path or "/")]
    # The address may stand in the path as it is, and go on behind a question mark of its own.
    whole = urlunsplit(("", "", split.path, split.query, split.fragment))
    found = (inner for reader in readers if (inner := reader(whole, given)) is not None)
    # One of the rewriter's own pages, where none gives an answer.
    return next(found, NO_REWRITER)


@lru_cache(maxsize=5_000)
def _rows(host: str) -> Sequence[tuple[re.Pattern[str], Reader]]:
    host = "google.com" if GOOGLE.fullmatch(host) else host
    return next((ROWS[name] for name in and_above(host) if name in ROWS), ())
