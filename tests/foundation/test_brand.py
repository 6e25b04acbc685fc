"""What a deployment may call things, and what it is told when a platform would refuse a name."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.foundation.brand import PUBLISHED, Brand
from shared.foundation.settings import Settings
from tests.harness.settings import settings_from
from tests.harness.world import MASTER_KEY

VENDOR = {
    "prefix": "CMG",
    "application": "Contoso Mail Guard",
    "service": "Contoso Mail Protection",
    "gmail_label": "Risky (by Contoso)",
    "loop_header": "X-Contoso-Loop",
}


def settings(**brand: str) -> Settings:
    """A deployment that names things so."""
    return settings_from({}, brand=brand, master_key={"value": MASTER_KEY})


def test_by_default_the_names_are_the_published_ones() -> None:
    assert settings().brand == PUBLISHED
    assert PUBLISHED.rule_junk == "TMCAS Inline Incoming Move to Junk Folder Transport Rule"
    assert PUBLISHED.return_header == "X-TMCAS-Inline-Return-Identifier"
    assert PUBLISHED.mark("c1") == "Managed by Footprint, connection c1. Please do not edit."


def test_names_follow_the_prefix_unless_they_are_set() -> None:
    brand = settings(**VENDOR, rule_junk="{prefix} Junk", gmail_rule="Scan").brand
    assert (brand.rule_junk, brand.gmail_rule) == ("CMG Junk", "Scan")
    assert brand.group_incoming == "CMG Inline Incoming O365 Virtual Group"
    spaced = settings(**{**VENDOR, "prefix": "Contoso Guard"}).brand
    assert spaced.return_header == "X-Contoso-Guard-Inline-Return-Identifier"


def test_names_come_from_the_environment_one_by_one_or_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTPRINT_MASTER_KEY__VALUE", MASTER_KEY)
    monkeypatch.setenv("FOOTPRINT_BRAND", json.dumps(VENDOR))
    monkeypatch.setenv("FOOTPRINT_BRAND__SERVICE", "Another Service")
    assert Settings().brand == Brand(**{**VENDOR, "service": "Another Service"})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"prefix": "CMG"}, "APPLICATION, SERVICE, GMAIL_LABEL, LOOP_HEADER"),
        ({"rule_junk": "x" * 65}, "RULE_JUNK has 65 characters, and the platform takes 64"),
        ({**VENDOR, "prefix": "Contoso Guards"}, "RULE_JUNK has 65 characters"),
        ({"gmail_group": "x" * 74}, "GMAIL_GROUP has 74 characters"),
        ({"gmail_label": "x" * 226}, "GMAIL_LABEL has 226 characters"),
        ({"gmail_label": "Inbox"}, "none of Gmail's own labels"),
        ({"gmail_label": "Risky/"}, "GMAIL_LABEL is “Risky/”"),
        ({"loop_header": "Subject"}, "LOOP_HEADER is “Subject”"),
        ({"verdict_header": "X-Our Verdict"}, "letters, digits and hyphens after “X-”"),
        ({"verdict_header": "X-TMCAS-Inline-RETURN-Identifier"}, "RETURN_HEADER and VERDICT_HEADER are the same"),
        ({"rule_junk": "Scan", "rule_skip_spam": "scan"}, "RULE_JUNK and RULE_SKIP_SPAM are the same"),
        ({"gmail_rule": "{route} \N{RIGHTWARDS ARROW}"}, "GMAIL_RULE is"),
        ({"group_incoming": ""}, "GROUP_INCOMING is “”"),
        ({"software": "Mail\r\nBcc: x"}, "SOFTWARE is"),
        ({"prefix": "T/M"}, "prefix"),
        ({"lable": "x"}, "lable"),
    ],
)
def test_a_name_that_a_platform_would_refuse_is_refused_at_the_start(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match="brand") as refused:
        settings(**changed)
    assert told in str(refused.value)


def test_prefix_of_a_tenants_policy_and_name_must_fit_together() -> None:
    with pytest.raises(ValidationError, match="MICROSOFT__NAME_PREFIX and BRAND__RULE_JUNK together"):
        settings_from(
            {}, brand={"rule_junk": "x" * 60}, microsoft={"name_prefix": "GRP- "}, master_key={"value": MASTER_KEY}
        )
