"""What rules of the customer's own do to the mail that the service is to scan."""

import pytest

from shared.platforms.microsoft365.mail_flow.grading import Effect
from tests.platforms.microsoft365.mail_flow.flow import Flow, effects


def test_smoke(whole: Flow) -> None:
    after = whole.copy()
    after.run("New-TransportRule", Name="Seen", FromScope="NotInOrganization", PrependSubject="x", StopRuleProcessing=True, Priority=0)
    assert effects(whole, after) == {Effect.UNSCANNED}
    assert pytest
