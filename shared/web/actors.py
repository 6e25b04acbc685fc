"""Who sends a request, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from shared.foundation.errors import Refused

# Who signs in with the deployment's sealed secret while the issuer is down.
BREAK_GLASS = "break glass"


class Role(StrEnum):
    """What somebody may do: look, act as well, or also do what the next click cannot undo."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who sends a request: an account is its subject; the name is a label beside it, for people."""

    name: str
    role: Role
    customer: str | None = None
    """Whose connections they may see and act on; None for those of all customers."""
    subject: str = ""
    """The issuer and its own id of the account. One that no issuer knows, such as the console's of one machine, is
    local."""

    def __post_init__(self) -> None:
        """An account without an issuer is told apart by its name alone."""
        if not self.subject:
            object.__setattr__(self, "subject", f"local {self.name}")

    @property
    def is_local(self) -> bool:
        """Whether no issuer knows this account."""
        return self.subject.startswith("local ")

    @property
    def is_break_glass(self) -> bool:
        """Whether this is the break-glass account, for anybody who has its secret."""
        return self.is_local and self.name == BREAK_GLASS

    @property
    def needs_proof(self) -> bool:
        """Whether a session of this account lasts only as long as somebody says again and again that it may."""
        return not self.is_local or self.is_break_glass

    @property
    def acts(self) -> bool:
        """Whether they may act at all."""
        return self.role is not Role.VIEWER

    @property
    def administers(self) -> bool:
        """Whether they may do what cannot be undone."""
        return self.role is Role.ADMIN


def administrators_only() -> Refused:
    """What an operator is told who asks for what cannot be undone."""
    return Refused(403, "administrators_only", "This cannot be undone and takes the role “admin”.")
