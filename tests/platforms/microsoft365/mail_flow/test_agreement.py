"""The model and the simulator's router, written apart from each other, say the same of the same mail."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.platforms.microsoft365.mail_flow.agreement import Tally, compare
from tests.platforms.microsoft365.mail_flow.flow import Flow

MAILS = 20


def test_the_model_and_the_router_agree(whole: Flow, some: Flow) -> None:
    tally = Tally()

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.integers(min_value=0, max_value=2**32))
    def agree(seed: int) -> None:
        compare(some if seed % 2 else whole, seed, MAILS, tally)

    agree()
    print(tally)  # noqa: T201 - how much the model leaves open is part of the result
    assert tally.maybes < tally.pairs / 2
