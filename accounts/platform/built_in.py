"""The app scopes and user permissions that the built-in REST API asks for."""

# As an API in a platform file has them.
API_ID = "rest-api"
LABEL = "REST API"


def operation_id(name: str) -> str:
    """The ID of the operation that a function of this name handles."""
    return name.replace("_", "-")


READ_ACCOUNTS = "ReadAccounts"
EDIT_EXTENSIONS = "EditExtensions"
EDIT_ACCOUNTS = "EditAccounts"
SCOPES = (READ_ACCOUNTS, EDIT_EXTENSIONS, EDIT_ACCOUNTS)

READ_COMPANY_INFO = "ReadCompanyInfo"
EDIT_COMPANY_INFO = "EditCompanyInfo"
READ_EXTENSIONS = "ReadExtensions"
EDIT_USER_INFO = "EditUserInfo"
PERMISSIONS = (READ_COMPANY_INFO, EDIT_COMPANY_INFO, READ_EXTENSIONS, EDIT_USER_INFO)

# Roles can have this permission for the person's own things only.
EDIT_OWN_USER_INFO = "EditUserInfo:own"
WHOLE_OF = {EDIT_OWN_USER_INFO: EDIT_USER_INFO}
OWN_PART_OF = {whole: own for own, whole in WHOLE_OF.items()}
