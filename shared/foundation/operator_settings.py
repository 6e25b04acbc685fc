"""Who operates, who may do so, and how much is asked of one process."""

from typing import Self

from pydantic import BaseModel, Field, SecretStr, model_validator


class Operators(BaseModel):
    """Who may operate: accounts of one OpenID Connect issuer, by tokens for the API or by signing in to the console.

    What is asked of the issuer is where its own discovery document says, at `/.well-known/openid-configuration`.
    """

    issuer: str = Field(
        "",
        pattern=r"^(https://[^/?#\s]+[^?#\s]*|http://(localhost|127\.0\.0\.1)(:\d+)?(/[^?#\s]*)?)?$",
        description="the issuer's address, exactly as its tokens have it",
    )
    audience: str = Field("api://footprint", min_length=1, description="audience of the tokens that the API takes")
    client_id: str = Field(
        "", description="client id of the console; without it the console has no sign-in through the issuer"
    )
    client_secret: SecretStr | None = Field(
        None, description="client secret of the console, unless it is a public client"
    )
    cli_client_id: str = Field(
        "", description="client id of the command line, a public client; without it `footprint auth login` is off"
    )
    cli_scope: str = Field(
        "openid profile email offline_access",
        description="what the command line asks for, so that its tokens are for `AUDIENCE`",
    )
    customer_claim: str = Field(
        "",
        description="the claim that says whose connections an account may see, `*` for all; without such a claim's "
        "name every account sees all of them",
    )

    second_person: bool = Field(
        default=False,
        description="what cannot be undone by the next click takes two administrators: the second asks for the same "
        "within an hour of the first",
    )
    break_glass: str = Field(
        "",
        pattern=r"^([0-9a-f]{64})?$",
        repr=False,
        description="SHA-256 in hex of a long random secret that is kept sealed: signs an administrator in at "
        "`/sign-in/break-glass` while the issuer cannot be asked",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.client_id or self.cli_client_id) and not self.issuer:
            raise ValueError("set ISSUER too")
        return self


class Provider(BaseModel):
    """Who asks customers' administrators for consent: the company that operates this deployment."""

    name: str = Field("", max_length=120, description="its name, as customers know it")
    contact: str = Field(
        "", max_length=200, description="where an administrator asks back: an e-mail address or a telephone number"
    )


class Api(BaseModel):
    """How much is asked of one process."""

    requests_a_minute: int = Field(
        600,
        ge=0,
        description="requests of one account in a minute, where those that read a tenant count more; 0: any number",
    )
    requests_a_minute_of_an_address: int = Field(
        120,
        ge=0,
        description="requests without an account from one address in a minute: invitations, callbacks, sign-ins; "
        "0: any number",
    )
    requests_a_minute_of_all_addresses: int = Field(
        1200, ge=0, description="the same from all addresses together; 0: any number"
    )
    proxies: int = Field(
        0,
        ge=0,
        le=5,
        description="load balancers in front of the functions, each of which adds an address to X-Forwarded-For; the "
        "cloud's own is not counted",
    )
