"""What a person does about the codes that only the command line prints."""

from shared.foundation.codes import TYPED, code

CODES = (
    code(TYPED, "no_url", "FOOTPRINT_URL is not set.", "Set it to the service's address."),
    code(TYPED, "url_not_valid", "FOOTPRINT_URL is no address of a service.", "Set it to https://…."),
    code(TYPED, "no_token", "You are not signed in.", "`footprint auth login`, or set FOOTPRINT_TOKEN."),
    code(TYPED, "token_not_valid", "FOOTPRINT_TOKEN holds characters that no token has.", "Copy it again."),
    code(TYPED, "ca_file_not_valid", "FOOTPRINT_CA_FILE cannot be read as certificates.", "Name a PEM file."),
    code(
        TYPED,
        "unreachable",
        "The service did not answer.",
        "Check FOOTPRINT_URL, the network and the service.",
    ),
    code(
        TYPED,
        "connection_lost",
        "The connection broke after the request was sent, so it may have been carried out.",
        "Show the connection before sending the request again; orders carry a key and are carried out once.",
    ),
    code(TYPED, "not_the_api", "What answers is not Footprint's API.", "Check FOOTPRINT_URL, and for a proxy."),
    code(TYPED, "signed_out", "The sign-in has expired.", "Sign in again: `footprint auth login`."),
    code(
        TYPED,
        "tokens_not_readable",
        "The keyring that keeps the token is locked, or the file that keeps the tokens is damaged.",
        "Unlock the keyring; delete the file, and sign in again.",
    ),
    code(TYPED, "query_not_valid", "What --query holds is no JMESPath expression.", "Correct it."),
    code(TYPED, "file_not_writable", "The file of --out cannot be written.", "Name another place."),
    code(TYPED, "ambiguous", "Several connections have this name or tenant.", "Use the id."),
    code(TYPED, "no_such_tool", "An assistant asked for a tool that is none.", "Have it list the tools again."),
    code(TYPED, "no_such_file", "There is no such file.", "Check the path."),
    code(TYPED, "file_not_valid", "The file is not what the command reads.", "Export it again."),
    code(TYPED, "keys_not_valid", "The key set cannot be read.", "Get it from /.well-known/jwks.json."),
    code(TYPED, "keys_not_available", "The address of the key set did not answer.", "Use a copy of the file."),
    code(TYPED, "not_confirmed", "The command was not confirmed.", "Pass --yes, or answer the question."),
    code(TYPED, "nothing_to_change", "The command names no field to change.", "Pass at least one of its options."),
)
