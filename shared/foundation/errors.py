"""The errors, chosen by what the caller should do.

FootprintError
├── Temporary      try again: the job is queued for `after` from now, the connection shows why it waits
│   ├── TurnedAway the platform refused it before it did anything
│   └── Unfinished nothing failed: there is more to do than one run should, and the next one goes on with it
├── Permanent      a person is needed: the connection shows the reason and the sentence that says what to do
│   ├── ConsentMissing  the tenant gives us no access any more, so nothing can be read or changed there
│   └── Poisoned        the job was begun again and again and never came to an end
├── Missing        the platform said, decisively, that this one object does not exist
└── Refused        a request of an operator or a browser is turned down: a 4xx, and nothing was changed
    └── NoRole     the account is known and has no role here: another one may have

Every error carries a stable `code` (lower case, underscores) and a sentence for people. Neither ever holds a
secret. Our own code decides by an error's class; its code is for other programs and for the record.
Anything that is not a FootprintError is our own mistake and is reported as `internal_error`.
"""

from collections.abc import Sequence
from datetime import timedelta


class FootprintError(Exception):
    """Something that people will read: a stable `code` and a sentence that says what happened and what to do."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence


class Temporary(FootprintError):
    """It may work later; `after` says how long to wait before looking again.

    `job` goes on then in place of the job that met it, which has done its own part.
    """

    job: str | None = None

    def __init__(self, code: str, sentence: str, *, after: timedelta = timedelta(minutes=1)) -> None:
        super().__init__(code, sentence)
        self.after = after


class TurnedAway(Temporary):
    """The platform refused the request before it did anything of it, so what was asked for is surely not done."""


class Unfinished(Temporary):
    """There is more to do than one run should; the job goes on after exactly `after`, however long it takes."""


class Permanent(FootprintError):
    """It will not work until a person has done what the sentence says."""


class ConsentMissing(Permanent):
    """The tenant's consent is gone. That says nothing about what is still in the tenant."""

    CODE = "consent_missing"

    def __init__(self, sentence: str) -> None:
        super().__init__(self.CODE, sentence)


class Poisoned(Permanent):
    """A job that was begun again and again and never came to an end, not even to an error."""

    CODE = "poisoned"

    def __init__(self, sentence: str) -> None:
        super().__init__(self.CODE, sentence)


class Missing(FootprintError):
    """The platform answered that the object does not exist. Never raised for anything less certain."""


class Refused(FootprintError):
    """The request is turned down with an HTTP `status` of 4xx; nothing was changed.

    `after`: the same request may well do after so long. `fields`: of input that is not valid, each field and why.
    """

    def __init__(
        self,
        status: int,
        code: str,
        sentence: str,
        *,
        after: timedelta | None = None,
        fields: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(code, sentence)
        self.status = status
        self.after = after
        self.fields = fields


class NoRole(Refused):
    """An account that has signed in and has no role here. Another account of the same person may have one."""

    def __init__(self, sentence: str) -> None:
        super().__init__(403, "no_role", sentence)
