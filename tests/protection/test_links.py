"""Links in texts, and links that show another place than they lead to."""

import pytest

from shared.protection.inspection.conditions import Conditions
from shared.protection.inspection.inspect import judge
from shared.protection.inspection.links import ascii_host, host_of
from tests.harness.mail import TENANT, found, mail, misleads, page


class TestTexts:
    @pytest.mark.parametrize(
        "text",
        [
            "Our shop (http://evil.example) is open.",
            "See http://evil.example, and reply.",
            "See http://evil.example; and reply.",
            "See http://evil.example.",
            "Really http://evil.example?!",
            "Type \u201chttp://evil.example\u201d.",
            "Type \u00abhttp://evil.example\u00bb.",
            "Type 'http://evil.example'.",
            "<http://evil.example>",
            "[http://evil.example]",
            "{http://evil.example}",
            "**http://evil.example**",
            "a|http://evil.example|b",
            "link:http://evil.example",
            "=http://evil.example",
            "\u8bf7\u8bbf\u95eehttp://evil.example/login",
            "\u8bf7\u8bbf\u95ee http://evil.example\u3002\u8c22\u8c22",
            "http://evil.example\uff0c\u8c22\u8c22",
            "http://evil.example\uff08\u8c22\u8c22\uff09",
            "http://evil.example\u8c22\u8c22",
            "\u3042http://evil.example/\u3042",
            "\uc5ec\uae30http://evil.example/\uc5d0",
            "http://evil\u3002example/",
            "HTTP://EVIL.EXAMPLE/",
            "https:/evil.example",
            "https://user:pw@evil.example:8443/a?b#c",
            "http://good.example@evil.example/",
            "visit evil.example today",
            "visit www.evil.example.",
            "\u8bbf\u95eewww.evil.example\u3002",
            "\u8bbf\u95eeevil.example\u3002",
            "(evil.example)",
            "evil.example/path?x=1",
            "ev\u00adil.example",
            "https://ev\u200bil.example",
            "https://\uff45vil.example",
            "see https://good.example/?next=https://evil.example and https://evil.example",
            "\u8bbf\u95eehttp://a.example\uff0c\u6216\u8005http://evil.example\u3002",
            "\u8bbf\u95eehttp://a.example\uff0c\u6216\u8005www.evil.example\u3002",
        ],
    )
    def test_a_link_is_found_beside_whatever_stands_there(self, text: str) -> None:
        for message in (mail(text), page(f"<p>{text.replace('<', '&lt;')}</p>")):
            assert found(message, links=["evil.example"]) == {"links"}

    @pytest.mark.parametrize(
        "text",
        [
            "Write to a@evil.example.",
            "not evil.example.org",
            "notevil.example",
            "evil.example-x.org",
            "https://good.example/evil.example",
            "https://good.example?evil.example",
            "mailto:a@evil.example",
            "good.evil-example",
        ],
    )
    def test_what_is_none_is_not(self, text: str) -> None:
        assert found(mail(text), links=["evil.example"]) == set()

    def test_hosts_by_the_standard_of_browsers(self) -> None:
        assert host_of("http://[::1]/") == "[::1]"
        assert host_of("https://xn--a.example/") is None
        assert host_of("https://FAß.example") == "xn--fa-hia.example"
        assert host_of("http://0300.1") == "192.0.0.1"
        assert host_of("data:text/html,https://evil.example") is None
        assert ascii_host("Bücher.example.") == "xn--bcher-kva.example"
        assert ascii_host("a b.example") is None
        assert ascii_host("-" * 64 + ".example") is None


class TestMisleading:
    @pytest.mark.parametrize(
        "shown",
        [
            "good.example",
            "good.com",
            "GOOD.COM",
            "good.co.uk",
            "&nbsp;www.good.example&nbsp;",
            "Sign in at www.good.example now",
            "(www.good.example)",
            "[good.example]",
            "\u201cgood.example\u201d",
            "good.example.",
            "good.example/login",
            "&rarr; good.example",
            "https:// good.example/x",
            "https : // good.example",
            "http://good.example.",
            "Visit (https://good.example), please",
            "https://README.md/x",
            "www.archive.zip",
            "good\u3002example",
            "go&shy;od.example",
            'go<i hidden>x</i>od.example<i style="display:none">y</i>',
            "192.0.2.7",
            "xn--mnchen-3ya.example",
            "m\u00fcnchen.example",
        ],
    )
    def test_a_host_that_is_shown_is_where_it_must_lead(self, shown: str) -> None:
        assert misleads("https://evil.example/in", shown)

    @pytest.mark.parametrize(
        "shown",
        [
            "invoice-2024.pdf",
            "Budget.xlsx",
            "photo.jpg",
            "archive.tar.gz",
            "archive.zip",
            "README.md",
            "setup.py",
            "install.sh",
            "main.rs",
            "movie.mov",
            "index.html",
            "Node.js",
            "ASP.NET",
            "VB.NET",
            "Version 2.0",
            "Makefile.in",
            "B.Sc.",
            "v1.2.3",
            "Q3.2024",
            "e.g.",
            "p.m.",
            "Mr.Miller",
            "Open...",
            "a@good.example",
            "Click here.",
        ],
    )
    def test_names_of_files_and_the_like_are_no_hosts(self, shown: str) -> None:
        assert not misleads("https://drive.example/d/1", shown)

    @pytest.mark.parametrize(
        ("target", "shown"),
        [
            ("https://login.good.example/", "www.good.example"),
            ("https://shop.good.co.uk/", "login.good.co.uk"),
            ("https://good.example/", "http://www.good.example/a"),
            ("mailto:a@evil.example", "good.example"),
            ("#top", "good.example"),
        ],
    )
    def test_hosts_of_one_owner_mislead_nobody(self, target: str, shown: str) -> None:
        assert not misleads(target, shown)

    @pytest.mark.parametrize(
        ("target", "shown"),
        [
            ("https://evil.co.uk/", "good.co.uk"),
            ("https://evil.github.io/", "good.github.io"),
            ("https://good.example.evil.example/", "good.example"),
            ("https://good.example@evil.example/", "Sign in"),
            ("https://good.example%40x@evil.example/", "https://good.example/"),
            ("//evil.example/", "good.example"),
        ],
    )
    def test_hosts_of_two_do(self, target: str, shown: str) -> None:
        assert misleads(target, shown)

    def test_a_finding_says_what_was_compared_and_quotes_nothing(self) -> None:
        message = page(
            '<a href="https://evil.example/secret">See good.example/secret</a> <a href="https://evil.example/">'
            "https://good.example/secret</a>"
        )
        (one,) = judge(message, Conditions(misleading_links=True), TENANT)
        assert one.where == "part 1 (text/html)"
        assert one.compared == "the host that is shown, good.example, with the host evil.example"
        assert "secret" not in f"{one}"

    @pytest.mark.parametrize(
        ("target", "shown"),
        [
            ("https://www.youtube.com/watch?v=1", "youtu.be/1"),
            ("https://maps.app.goo.gl/x", "https://maps.google.com"),
            ("https://forms.gle/x", "docs.google.com/forms"),
            ("https://aka.ms/x", "www.microsoft.com"),
            ("https://x.com/a", "https://twitter.com/a"),
        ],
    )
    def test_a_short_name_of_the_same_owner_misleads_nobody(self, target: str, shown: str) -> None:
        assert not misleads(target, shown)
