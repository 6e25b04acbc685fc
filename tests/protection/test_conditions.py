"""What an administrator may ask of a message, and how several conditions go together."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.protection.inspection.conditions import Conditions, Finding
from shared.protection.inspection.inspect import inspect, judge
from tests.harness.mail import TENANT, found, mail


class TestSetting:
    @pytest.mark.parametrize(
        ("field", "value", "why"),
        [
            ("senders", ["two words@b.example"], "neither an address nor a domain"),
            ("senders", ["a@b..example"], "not a domain"),
            ("links", ["http://evil.example/"], "not a domain"),
            ("links", ["x" * 254], "at most 253"),
            ("subjects", ["  "], "is empty"),
            ("words", ["!?"], "holds no word"),
            ("authentication", ["spf"], "spf-fail"),
            ("attachments", ["exe"], "executable"),
            ("expressions", ["("], "missing )"),
            ("expressions", ["a*"], "matches an empty text"),
            ("expressions", ["(?R)"], "not possible in linear time"),
            ("expressions", ["a(?=b)"], "not possible in linear time"),
            ("expressions", [r"(a)\1"], "not possible in linear time"),
            ("expressions", ["a{3000000}"], "none above 1000"),
            ("expressions", ["((a{500}){500}){500}"], "none above 1000"),
            ("expressions", [r"\p{L}{500}"], "fewer or shorter repetitions"),
            ("expressions", ["a" * 501], "at most 500"),
            ("expressions", ["(" * 5000], "at most 500"),
            ("words", ["word"] * 501, "at most 500"),
            ("surprise", True, "not permitted"),
        ],
    )
    def test_a_bad_value_is_refused_with_its_field(self, field: str, value: Any, why: str) -> None:
        with pytest.raises(ValidationError) as refused:
            Conditions(**{field: value})
        error = refused.value.errors()[0]
        assert error["loc"][0] == field
        assert why in error["msg"]

    def test_every_list_is_bounded(self) -> None:
        for name, field in Conditions.model_json_schema()["properties"].items():
            if field.get("type") == "array":
                assert field["maxItems"] <= 1000, name

    def test_what_is_named_says_what_is_needed(self) -> None:
        assert not Conditions(senders=["b.example"], impersonation=True, authentication=["spf-fail"]).needs_content
        for kind in ({"words": ["x"]}, {"scanner": True}, {"misleading_links": True}, {"attachments": ["html"]}):
            assert Conditions(**kind).needs_content
        assert Conditions().kinds == frozenset()
        assert judge(mail(), Conditions(), TENANT) == ()
        assert judge(mail(), Conditions(match="all"), TENANT) == ()


class TestMatching:
    def test_any_of_the_kinds_or_all_of_them(self) -> None:
        two = {"senders": ["b.example"], "words": ["invoice"]}
        assert found(mail("hello"), **two) == {"senders"}
        assert found(mail("hello"), match="all", **two) == set()
        assert found(mail("Invoice"), match="all", **two) == {"senders", "words"}

    def test_headers_alone_are_enough_unless_content_is_asked_for(self) -> None:
        headers = [("From", "=?utf-8?q?J=C3=A4ne?= <a@sub.b.example>"), ("Subject", "Your Invoice")]
        assert found(headers, senders=["b.example"], subjects=["invoice"]) == {"senders", "subjects"}
        assert found(headers, words=["invoice"]) == {"words", "incomplete"}
        assert found(headers, attachments=["html"]) == {"incomplete"}

    async def test_the_scanner_is_asked_only_where_it_can_change_anything(self) -> None:
        asked: list[int] = []
        risky = Finding(kind="scanner", why="risky")
        silent = Finding(kind="incomplete", why="silent")

        async def kinds(answer: Finding | None, **conditions: Any) -> set[str]:
            async def ask() -> Finding | None:
                asked.append(1)
                return answer

            asked.clear()
            result = await inspect(mail(), Conditions(scanner=True, **conditions), TENANT, ask)
            return {one.kind for one in result}

        assert await kinds(risky) == {"scanner"}
        assert await kinds(risky, match="all") == {"scanner"}
        assert await kinds(None) == set()
        assert await kinds(risky, senders=["b.example"]) == {"senders"}
        assert not asked
        assert await kinds(risky, senders=["other.example"]) == {"scanner"}
        assert await kinds(None, senders=["b.example"], match="all") == set()
        assert await kinds(risky, senders=["b.example"], match="all") == {"senders", "scanner"}
        assert await kinds(silent, senders=["b.example"], match="all") == {"incomplete"}
        assert await kinds(risky, senders=["other.example"], match="all") == set()
        assert not asked
