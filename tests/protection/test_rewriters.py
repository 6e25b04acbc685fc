"""Links that another protection, a search engine or a network has rewritten, and where they lead in the end."""

import base64
import zlib
from urllib.parse import quote

import pytest

from shared.protection.inspection.links import host_of
from shared.protection.inspection.rewriters import leads_to, unwrapped
from tests.harness.mail import found, misleads, page

GOOD, ENCODED = "https://good.example/a", quote("https://good.example/a", safe="")
PACKED = base64.urlsafe_b64encode(zlib.compress(GOOD.encode())).decode().rstrip("=")
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
    f"https://EUR01.SAFELINKS.PROTECTION.OUTLOOK.COM/?URL={ENCODED}&data=05",
    f"https://outlook.office.com/mail/safelink.html?url={ENCODED}&corid=x",
    f"https://outlook.live.com/owa/redir.aspx?REF=x&URL={ENCODED}",
    f"https://links.us1.defend.egress.com/Warning?crId=x&Lang=en&Base64Url={PACKED}",
    f"https://googleads.g.doubleclick.net/pcs/click?xai=x&adurl={ENCODED}",
    "https://ad.doubleclick.net/ddm/clk/1;2;3?https://good.example/a",
    f"https://meet.google.com/linkredirect?authuser=0&dest={ENCODED}",
    f"https://www.facebook.com/flx/warn/?u={ENCODED}",
    f"https://disq.us/url?url={ENCODED}%3Aabc",
    f"https://go.skimresources.com/?id=1&url={ENCODED}",
    f"https://redirect.viglink.com/?key=x&u={ENCODED}",
    "https://anonym.to/?https://good.example/a",
    f"https://deref-web-02.de/mail/client/x/dereferrer/?redirectUrl={ENCODED}",
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

    @pytest.mark.parametrize(
        "target",
        [
            "https://url.uk.m.mimecastprotect.com/s/abcdef",
            "https://atpscan.global.hornetsecurity.com/index.php?atp_str=x",
            "https://url.emailprotection.link/?b3fK_x",
            "https://url.serverdata.net/?aW3x~",
            "https://url2.mailanyone.net/scanner?m=x&d=4",
            "https://links.us1.defend.egress.com/Warning?Base64Url=x",
        ],
    )
    def test_what_only_the_rewriter_knows_misleads_nobody(self, target: str) -> None:
        assert not misleads(target, "good.example")
        assert unwrapped(target).target is None
