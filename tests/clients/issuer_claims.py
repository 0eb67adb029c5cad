"""What the provider of the tests puts into its tokens, beside what it puts there itself."""

from oauth2_provider.oauth2_validators import OAuth2Validator


class Claims(OAuth2Validator):
    oidc_claim_scope = None

    def get_additional_claims(self, request):
        return {
            "groups": [group.name for group in request.user.groups.all()],
            "preferred_username": request.user.username,
        }
