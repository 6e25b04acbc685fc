"""Links in texts, links that show another place than they lead to, and links that another protection has rewritten."""

from urllib.parse import quote

import pytest

from shared.protection.inspection.conditions import Conditions
from shared.protection.inspection.inspect import judge
from shared.protection.inspection.links import ascii_host, host_of
from shared.protection.inspection.rewriters import leads_to, unwrapped
from tests.harness.mail import TENANT, found, mail, page


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


def misleads(target: str, shown: str) -> bool:
    content = f'<p>Shared with you: <a href="{target.replace("&", "&amp;")}">{shown}</a></p>'
    return found(page(content), misleading_links=True) == {"misleading_links"}


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


GOOD, ENCODED = "https://good.example/a", quote("https://good.example/a", safe="")
REWRITTEN = [
    f"https://link.zixcentral.com/u/8f2b/xyz?u={ENCODED}",
    f"https://link.edgepilot.com/s/8a1/abc?u={ENCODED}",
    f"https://urlprotection-tor.global.sonicwall.com/click?PV=2&MSGID=1&ENCODED_URL={ENCODED}&HK=1",
    f"https://antiphishing.vadesecure.com/v4?f=abc&i=1&u={ENCODED}",
    f"https://checkpoint.url-protection.com/v1/url?o={ENCODED}&g=1&h=2",
    f"https://protection.retarus.com/v1?u={ENCODED}&c=1",
    f"https://scanner.topsec.com/?d=1&r=show&u={ENCODED}&t=2",
    f"https://nam.safelink.emails.azure.net/redirect/?destination={ENCODED}&p=1",
    f"https://clicktime.cloud.postoffice.net/clicktime.php?U={ENCODED}&E=a",
    f"https://translate.google.com/translate?sl=auto&u={ENCODED}",
    f"https://l.messenger.com/l.php?u={ENCODED}",
    f"https://l.wl.co/l?u={ENCODED}",
    f"https://out.reddit.com/t3_1?url={ENCODED}&token=1",
    f"https://medium.com/r/?url={ENCODED}",
    f"https://www.pinterest.com/offsite/?url={ENCODED}",
    f"https://www.tiktok.com/link/v2?aid=1&target={ENCODED}",
    f"https://sba.yandex.net/redirect?url={ENCODED}&client=mail",
    f"https://exit.sc/?url={ENCODED}",
    "https://href.li/?https://good.example/a",
    f"https://eur01.safelinks.protection.outlook.com/?url={ENCODED}&data=05%7C02",
    f"https://gcc02.safelinks.protection.office365.us/?url={ENCODED}&data=05",
    f"https://statics.teams.cdn.office.net/evergreen-assets/safelinks/1/atp-safelinks.html?url={ENCODED}&locale=en",
    f"https://urldefense.proofpoint.com/v1/url?u={ENCODED}&k=x",
    "https://urldefense.proofpoint.com/v2/url?u=https-3A__good.example_a&d=DwMFaQ&c=x",
    "https://urldefense.com/v3/__https://good.example/a__;!!Abc!x$",
    "https://urldefense.us/v3/__https:/good.example/a__;!!Abc!x$",
    f"https://linkprotect.cudasvc.com/url?a={ENCODED}&c=E,1,x",
    f"https://clicktime.symantec.com/3abc?u={ENCODED}",
    f"https://clicktime.symantec.com/a/1/x=?d=y&u={ENCODED}",
    f"https://secure-web.cisco.com/1abc/{ENCODED}",
    "https://protect-us.mimecast.com/s/abc?domain=good.example",
    f"https://imsva91-ctp.trendmicro.com:443/wis/clicktime/v1/query?url={ENCODED}&umid=x",
    "https://eu-west-1.protection.sophos.com/?d=good.example&u=aHR0cHM=&i=x",
    f"https://protect2.fireeye.com/v1/url?k=x&q=1&e=y&u={ENCODED}",
    "https://url.avanan.click/v2/___https://good.example/a___.YXAx",
    "https://protect.checkpoint.com/v2/___https://good.example/a___.YzJ1",
    f"https://scanmail.trustwave.com/?c=1&d=x&u={ENCODED}",
    f"https://urlsand.esvalabs.com/?u={ENCODED}&e=x&f=n",
    f"https://atpscan.global.hornetsecurity.com/?d=x&f=y&url={ENCODED}",
    "https://shared.outlook.inky.com/link?domain=good.example&t=x",
    f"https://deref-mail.com/mail/client/x/dereferrer/?redirectUrl={ENCODED}",
    f"https://www.google.com/url?q={ENCODED}&sa=D",
    f"https://www.google.co.uk/url?sa=t&url={ENCODED}",
    "https://www.google.com/amp/s/good.example/a",
    f"https://www.youtube.com/redirect?event=x&q={ENCODED}",
    "https://www.bing.com/ck/a?!&&p=x&u=a1aHR0cHM6Ly9nb29kLmV4YW1wbGUvYQ&ntb=1",
    f"https://r.search.yahoo.com/_ylt=x/RV=2/RE=1/RO=10/RU={ENCODED}/RK=2/RS=x",
    f"https://duckduckgo.com/l/?uddg={ENCODED}",
    f"https://l.facebook.com/l.php?u={ENCODED}&h=x",
    f"https://www.linkedin.com/redir/redirect?url={ENCODED}",
    f"https://slack-redir.net/link?url={ENCODED}",
    f"https://vk.com/away.php?to={ENCODED}",
    f"https://steamcommunity.com/linkfilter/?url={ENCODED}",
    f"https://t.umblr.com/redirect?z={ENCODED}",
    f"https://www.googleadservices.com/pagead/aclk?sa=L&adurl={ENCODED}",
    f"https://plus.url.google.com/url?q={ENCODED}",
    f"https://x.clicktime.cloud.postoffice.net/clicktime.php?u={ENCODED}",
    f"https://linklock.titanhq.com/analyse?url={ENCODED}&data=x",
    "https://good-example.cdn.ampproject.org/c/s/good.example/a",
]


class TestRewritten:
    @pytest.mark.parametrize("target", REWRITTEN)
    def test_a_link_leads_where_its_rewriter_sends_it(self, target: str) -> None:
        assert not misleads(target, "https://good.example/a")
        assert misleads(target, "https://other.example/a")
        assert found(page(f'<a href="{target.replace("&", "&amp;")}">x</a>'), links=["good.example"]) == {"links"}
        assert host_of(str(unwrapped(target).target)) == "good.example"

    def test_through_one_after_another(self) -> None:
        inner = f"https://www.google.com/url?q={quote('https://evil.example/', safe='')}"
        outer = f"https://eur01.safelinks.protection.outlook.com/?url={quote(inner, safe='')}"
        assert leads_to(outer) == ["eur01.safelinks.protection.outlook.com", "www.google.com", "evil.example"]
        assert misleads(outer, "https://www.google.com/")
        endless = "https://good.example/"
        for _ in range(9):
            endless = f"https://www.google.com/url?q={quote(endless, safe='')}"
        assert len(endless) < 100_000
        assert len(leads_to(endless)) <= 6

    @pytest.mark.parametrize(
        "target",
        [
            f"https://google.evil.example/url?q={ENCODED}",
            f"https://safelinks.protection.outlook.com.evil.example/?url={ENCODED}",
            f"https://evil.example/url?q={ENCODED}",
            f"https://evil.example/?u={ENCODED}#https://l.facebook.com/l.php",
        ],
    )
    def test_nobody_else_is_taken_for_one(self, target: str) -> None:
        assert misleads(target, "https://good.example/a")

    def test_a_rewriters_own_page_is_its_own(self) -> None:
        assert leads_to("https://www.google.com/search?q=https://good.example") == ["www.google.com"]
        assert misleads("https://www.google.com/search?q=x", "good.example")

    def test_what_only_the_rewriter_knows_misleads_nobody(self) -> None:
        assert not misleads("https://url.uk.m.mimecastprotect.com/s/abcdef", "good.example")
        assert not misleads("https://atpscan.global.hornetsecurity.com/index.php?atp_str=x", "good.example")

    def test_a_short_name_of_the_same_owner_misleads_nobody(self) -> None:
        assert not misleads("https://www.youtube.com/watch?v=1", "youtu.be/1")
