"""Who sent a message: listed senders, what the receiver found out, and names of the tenant."""

import unicodedata

import pytest

from shared.protection.inspection.conditions import Conditions
from shared.protection.inspection.impersonation import likeness
from shared.protection.inspection.inspect import judge
from tests.harness.mail import GOOD, RECEIVER, TENANT, found, mail


class TestSenders:
    @pytest.mark.parametrize(
        ("listed", "sender", "is_listed"),
        [
            ("b.example", "a@b.example", True),
            ("b.example", "a@x.B.example", True),
            ("b.example", "a@ab.example", False),
            ("a@b.example", "A <A@B.example>", True),
            ("a@b.example", "aa@b.example", False),
            ("@b.example", "a@b.example", True),
            (".zip", "a@b.zip", True),
            ("münchen.example", "a@xn--mnchen-3ya.example", True),
            ("xn--mnchen-3ya.example", "a@MÜNCHEN.example", True),
            ("b.example", "friends: a@c.example, x@b.example;", True),
            ("b.example", '"a@b.example" <a@c.example>', False),
            ("b.example", '"x\\" <a@b.example>" <a@c.example>', False),
            ("c.example", "=?utf-8?q?a=40b.example?= <a@c.example>", True),
            ("b.example", "a@b.example (a@c.example)", True),
            ("b.example", "=?utf-8?q?x=0Ay?= <a@b.example>", True),
        ],
    )
    def test_addresses_and_domains_with_all_below(self, listed: str, sender: str, is_listed: bool) -> None:  # noqa: FBT001
        assert found(mail(From=sender), senders=[listed]) == ({"senders"} if is_listed else set())

    def test_a_second_sender_does_not_hide_the_first(self) -> None:
        for order in (["a@c.example", "a@b.example"], ["a@b.example", "a@c.example"]):
            message = "".join(f"From: {one}\r\n" for one in order).encode() + mail(From="z@z.example")
            assert found(message, senders=["b.example"]) == {"senders"}

    def test_a_finding_names_what_the_policy_lists(self) -> None:
        (one,) = judge(mail(From="secret.name@x.b.example"), Conditions(senders=["b.example"]), TENANT)
        assert one.why == "The sender is one of those that are listed: b.example."


class TestAuthentication:
    ALL = ("spf-fail", "dkim-fail", "dmarc-fail", "unauthenticated")

    def failed(self, *results: str) -> set[str]:
        headers = [("From", "a@b.example"), *(("Authentication-Results", one) for one in results)]
        return {kind for kind in self.ALL if found(headers, authentication=[kind]) - {"incomplete"}}

    def test_each_way_to_fail(self) -> None:
        assert self.failed(GOOD) == set()
        assert self.failed() == {"unauthenticated"}
        assert self.failed(f"{RECEIVER}; spf=softfail; dkim=pass") == {"spf-fail"}
        assert self.failed(f"{RECEIVER}; dkim=fail; dkim=pass; spf=pass") == set()
        assert self.failed(f"{RECEIVER}; dkim=neutral (body hash did not verify); spf=none") == {
            "dkim-fail",
            "unauthenticated",
        }
        assert self.failed(f"{RECEIVER} 1; spf=pass; dmarc=FAIL (p=REJECT; sp=REJECT)") == {"dmarc-fail"}
        assert self.failed(f"{RECEIVER}; none") == {"unauthenticated"}

    def test_only_the_topmost_of_the_receiver_counts(self) -> None:
        bad = f"{RECEIVER}; spf=fail; dmarc=fail"
        assert self.failed(bad, GOOD) == {"spf-fail", "dmarc-fail", "unauthenticated"}
        assert self.failed(GOOD.replace(RECEIVER, "mx.other.example"), bad) == {
            "spf-fail",
            "dmarc-fail",
            "unauthenticated",
        }
        assert self.failed(GOOD.replace(RECEIVER, f"x.{RECEIVER}")) == {"unauthenticated"}
        assert self.failed(GOOD.replace(RECEIVER, "mx.other.example")) == {"unauthenticated"}

    def test_a_seal_of_an_earlier_hop_is_not_believed(self) -> None:
        sealed = mail(ARC_Authentication_Results=f"i=1; {GOOD}")
        assert found(sealed, authentication=["unauthenticated"]) == {"authentication"}

    @pytest.mark.parametrize(
        "trick",
        [
            f"{RECEIVER}; spf=fail (x; dmarc=pass; dkim=pass) smtp.mailfrom=a",
            f'{RECEIVER}; spf=fail smtp.mailfrom="x; dkim=pass; y"@b.example',
            f'{RECEIVER}; spf=fail smtp.mailfrom="x\\"; dkim=pass; y"@b.example',
            f'{RECEIVER}; spf=fail (it says "x) ; dkim=none (y" ) smtp.helo=x',
            f"{RECEIVER}; spf=fail smtp.mailfrom=dkim=pass",
            f"(; dkim=pass) {RECEIVER} (; dkim=pass); spf=fail",
            f'{RECEIVER}; spf=fail reason="(" smtp.helo=(\\);dkim=pass;)x',
        ],
    )
    def test_the_senders_words_in_the_receivers_header_do_not_speak(self, trick: str) -> None:
        assert self.failed(trick) >= {"spf-fail", "unauthenticated"}

    def test_a_broken_header_of_the_receiver_is_said_to_be(self) -> None:
        headers = [("Authentication-Results", f"{RECEIVER}; spf=fail (; dmarc=fail")]
        assert found(headers, authentication=["dmarc-fail"]) == {"incomplete"}
        assert found(headers, authentication=["unauthenticated"]) == {"incomplete", "authentication"}


class TestImpersonation:
    @pytest.mark.parametrize(
        "sender",
        [
            "Jane Doe <x@evil.example>",
            '"DOE, Jane" <x@evil.example>',
            "Jane  Doe (CEO) <x@evil.example>",
            '"Jane Doe (CEO)" <x@evil.example>',
            "Jane.Doe <x@evil.example>",
            "=?utf-8?q?Jan=C3=A9_Doe?= <x@evil.example>",
            "=?utf-8?b?SmFuZSBEb2U=?= <x@evil.example>",
            "=?utf-8?q?Ja?= =?utf-8?q?ne_Doe?= <x@evil.example>",
            "J\u0430ne D\u043ee <x@evil.example>",
            "Ja\u200bne Doe <x@evil.example>",
            "\uff2a\uff41\uff4e\uff45 Doe <x@evil.example>",
            "Jane D0e <x@evil.example>",
            "Jane Doe <jane@contoso.com.evil.example>",
            "Jane Doe",
            "Jane Doe <>",
            '"jane@contoso.com" <x@evil.example>',
            '"Jane (jane@contoso.com)" <x@evil.example>',
            "=?utf-8?q?jane=40contoso=2Ecom?= <x@evil.example>",
            "\u738b\u5c0f\u660e <x@evil.example>",
            "Paul IIIes <x@evil.example>",
            "=?utf-8?q?Jane_Doe=0A?= <x@evil.example>",
        ],
    )
    def test_a_name_of_the_directory_with_a_foreign_address(self, sender: str) -> None:
        assert found(mail(From=sender), impersonation=True) == {"impersonation"}
        assert found(mail(Reply_To=sender), impersonation=True) == {"impersonation"}

    @pytest.mark.parametrize(
        "sender",
        [
            "Jane Doe <jane@contoso.com>",
            "Jane Doe <Jane.Private@elsewhere.example>",
            "Jane Doe <jd@mail.contoso.com>",
            "Jane Roe <x@evil.example>",
            "Support <x@evil.example>",
            "Jane <x@evil.example>",
            '"jane@contoso.com via List" <list@contoso.com>',
            "Jane Doe <x@xn--mnchen-3ya.example>",
            "<x@evil.example>",
        ],
    )
    def test_everybody_else_may_write(self, sender: str) -> None:
        assert found(mail(From=sender), impersonation=True) == set()

    def test_a_finding_repeats_nothing_but_the_host(self) -> None:
        (one,) = judge(mail(From="Jane Doe <secret@evil.example>"), Conditions(impersonation=True), TENANT)
        assert (
            one.why == "The name is that of a user of the directory, and the address, at evil.example, is not theirs."
        )

    def test_names_look_alike_in_any_order_and_alphabet(self) -> None:
        assert likeness("Doe, Jane") == likeness("JANE DOE") == likeness(unicodedata.normalize("NFD", "Jané Doé"))
        assert likeness("Jane Doe") != likeness("Jane Dole")
        assert likeness("Bernd Arn") == likeness("Bemd Am")
