"""What Exchange Online really says where a word of it decides something. Neither our code's belief nor the simulator's.

Recorded live by others: rknightion/graph2otel at dfd9ef7c (July 2026), KnudsenMorten/PIM4EntraPS.
"""

MORE = (
    "There are more results available than are currently displayed. To view them, increase the value for the "
    "ResultSize parameter."
)
DELEGATING = "You must be assigned a delegating role assignment in order to run this cmdlet."
SCENARIO = (
    "The role assigned to application 11111111-2222-4333-8444-555555555555 isn't supported in this scenario. Please "
    "check online documentation for assigning correct Directory Roles to Azure AD Application for EXO App-Only "
    "Authentication."
)
# The last part of an exception's name, or words of its message, with the code that it has to mean to us.
EXCEPTIONS = {
    "ManagementObjectNotFoundException": "not_found",
    "ADObjectAlreadyExistsException": "already_exists",
    "InvalidOperationInDehydratedContextException": "organisation_dehydrated",
    "CmdletAccessDeniedException": "exchange_role_missing",
    "AmbiguousParameterSetException": "our_request_refused",
    "ParameterTransformationException": "our_request_refused",
}
SENTENCES = {
    DELEGATING: "exchange_roles_not_ready",
    SCENARIO: "exchange_role_missing",
    "A server side error has occurred because of which the operation could not be completed.": "platform_unavailable",
}
