from portico.kernel.errors import Refusal


class BadSignIn(Refusal):
    """The same words whether the person is unknown or the password wrong."""

    code = "BAD_SIGN_IN"

    def __init__(self) -> None:
        super().__init__("The email and password do not match.")


class SignInEnded(Refusal):
    code = "SESSION_REVOKED"

    def __init__(self) -> None:
        super().__init__("This sign-in has ended.")


class OtherOrg(Refusal):
    """Visible to the person, but the credential was made for another org."""

    code = "SCOPE_MISMATCH"

    def __init__(self, org_name: str) -> None:
        super().__init__(f"This credential is for another org than {org_name!r}; switch to it first.")


class OwnerRequired(Refusal):
    code = "ROLE_REQUIRED"

    def __init__(self, what: str) -> None:
        super().__init__(f"Only an owner of the org may {what}.")


class SuperadminRequired(Refusal):
    code = "ROLE_REQUIRED"

    def __init__(self) -> None:
        super().__init__("Only a superadmin of the platform may do this.")


class PersonRequired(Refusal):
    code = "ROLE_REQUIRED"

    def __init__(self) -> None:
        super().__init__("Only a signed-in person may do this, not a key.")


class HoldsTooLittle(Refusal):
    """Nobody gives, takes or changes more than they hold."""

    code = "ROLE_REQUIRED"

    def __init__(self, permissions: frozenset[str]) -> None:
        super().__init__(f"You do not hold {', '.join(sorted(permissions))} yourself, so you cannot give or change it.")


class InvitationGone(Refusal):
    code = "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("This invitation does not exist, was used or revoked, or has run out.")


class Confined(Refusal):
    code = "ROLE_REQUIRED"

    def __init__(self) -> None:
        super().__init__("Your membership is confined to some scopes; whoever manages members may enter all of them.")


class LastOwner(Refusal):
    code = "CONFLICT"

    def __init__(self) -> None:
        super().__init__("This is the last owner of the org; make somebody else an owner first.")


class LastSuperadmin(Refusal):
    code = "CONFLICT"

    def __init__(self) -> None:
        super().__init__("This is the last superadmin of the platform; make somebody else one first.")
