"""Reports as JSON, and what somebody says about them."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from shared.flows.reports import store
from shared.flows.reports.periods import Frequency
from shared.flows.reports.store import Delivery
from shared.web.schema import Next, When


class Subscription(store.Subscription):
    """Which reports a connection has, and who gets them by mail; they are kept even if nobody does."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kinds": ["weekly"], "recipients": ["it@contoso.com"]}]})


class ReportSummary(TypedDict):
    """A report without what is in it."""

    name: str
    kind: Frequency
    begins: When
    ends: When
    made_at: When
    recipients: Annotated[Mapping[str, str], Field(description="what came of each address")]
    not_before: Annotated[When | None, Field(description="when sending is tried next, if it is")]
    sentence: str | None
    delivery: Delivery


class Report(ReportSummary):
    """A report with all that is in it."""

    connection: str
    content: Annotated[Mapping[str, Any], Field(description="the figures; null where there is nothing to count")]


class ReportPage(TypedDict):
    """Some reports, newest first."""

    reports: list[ReportSummary]
    next: Next


def report_summary(report: store.ReportSummary) -> ReportSummary:
    """A report without what is in it."""
    return {
        "name": report.name,
        "kind": report.kind,
        "begins": report.begins.isoformat(),
        "ends": report.ends.isoformat(),
        "made_at": report.made_at.isoformat(),
        "recipients": report.recipients,
        "not_before": report.not_before.isoformat() if report.not_before else None,
        "sentence": report.sentence,
        "delivery": report.delivery,
    }


def whole_report(report: store.Report) -> Report:
    """A report with all that is in it."""
    return {**report_summary(report), "connection": report.connection, "content": report.content}
