"""What the texts of a message show, and where they lead. Plain texts and pages alike, in bounded time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from shared.protection.inspection import message as parse
from shared.protection.inspection.budget import Budget
from shared.protection.inspection.links import INVISIBLE, LONGEST, Link, written

MOST_TEXT = 500_000
MOST_LINKS = 5_000
UNSEEN = frozenset({"script", "style"})
# Others do not end a word: a name is not hidden by making a part of it bold.
ENDING_WORDS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "div", "dl", "dt",
    "fieldset", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "img",
    "input", "li", "main", "nav", "ol", "option", "p", "pre", "section", "select", "table", "tbody", "td",
    "textarea", "tfoot", "th", "thead", "title", "tr", "ul",
})  # fmt: skip
LEADING = frozenset({"href", "action", "formaction", "xlink:href"})
FRAMES = frozenset({"iframe", "frame", "embed", "script"})
TOO_MUCH_TEXT = "Its text is too long to be looked at whole."
TOO_MANY_LINKS = f"It has more than {MOST_LINKS} links, and only the first were looked at."


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The text and the links of all bodies together, and what was missed."""

    text: str = field(default="", repr=False)
    links: Sequence[Link] = field(default=(), repr=False)
    missed: Sequence[str] = ()


class _Spent(Exception):
    """There is no time left."""


def shown(mail: parse.Mail, budget: Budget) -> Shown:
    """Read every text that is shown, an attached text with them: some programs show it, too."""
    texts: list[str] = []
    links: list[Link] = []
    missed: list[str] = []
    room = MOST_TEXT
    for part in mail.parts or ():
        # One that has parts and none was found is shown as it stands.
        if not part.type.startswith(("text/", "multipart/")):
            continue
        text, more = part.text(room)
        room -= len(text)
        if more:
            missed.append(TOO_MUCH_TEXT)
        text = text.translate(INVISIBLE) if not text.isascii() else text
        if part.type in ("text/html", "text/xml"):
            page = _Page(budget)
            try:
                page.feed(text)
                page.close()
            except _Spent:
                missed.append(parse.TOO_SLOW)
            except Exception:  # the library may fail at anything that it is given
                missed.append(parse.UNREADABLE)
            page.end_of_anchor()
            text = "".join(page.texts)
            links += page.links
        links += [Link(target=one) for one in written(text)]
        texts.append(text)
    if len(links) > MOST_LINKS:
        missed.append(TOO_MANY_LINKS)
    return Shown(text="\n".join(texts), links=links[:MOST_LINKS], missed=tuple(dict.fromkeys(missed)))


class _Page(HTMLParser):
    """The parser of the standard library may take time by the square of a page's length: every step asks the budget."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.links: list[Link] = []
        self._budget, self._unseen = budget, ""
        self._target, self._label = "", [""]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._step()
        if tag in ENDING_WORDS:
            self.texts.append("\n")
        if tag in UNSEEN:
            self._unseen = tag
        given = {name: value for name, value in attrs if value}
        if tag in ("a", "area"):
            self.end_of_anchor()
            self._target = given.pop("href", "")
        if tag == "meta" and "url=" in given.get("content", "").lower():
            content = given["content"]
            self.links.append(Link(target=content[content.lower().index("url=") + 4 :].strip(" '\"")))
        self.links += [Link(target=value[:LONGEST]) for name, value in given.items() if name in LEADING]
        if tag in FRAMES and "src" in given:
            self.links.append(Link(target=given["src"][:LONGEST]))

    def handle_endtag(self, tag: str) -> None:
        self._step()
        if tag in ENDING_WORDS:
            self.texts.append("\n")
        if tag == self._unseen:
            self._unseen = ""
        if tag == "a":
            self.end_of_anchor()

    def handle_data(self, data: str) -> None:
        self._step()
        if not self._unseen:
            self.texts.append(data)
            if self._target:
                self._label.append(data[:LONGEST])

    def handle_comment(self, data: str) -> None:  # noqa: ARG002 - a step, whatever it is
        self._step()

    def handle_decl(self, decl: str) -> None:  # noqa: ARG002 - a step, whatever it is
        self._step()

    def handle_pi(self, data: str) -> None:  # noqa: ARG002 - a step, whatever it is
        self._step()

    def unknown_decl(self, data: str) -> None:  # noqa: ARG002 - a step, whatever it is
        self._step()

    def end_of_anchor(self) -> None:
        """Note the link that is open."""
        if self._target:
            self.links.append(Link(target=self._target[:LONGEST], shown="".join(self._label)[:LONGEST]))
        self._target, self._label = "", [""]

    def _step(self) -> None:
        if self._budget.spent:
            raise _Spent
