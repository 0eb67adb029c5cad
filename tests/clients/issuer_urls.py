"""The pages of the provider of the tests: the package's, and one to sign in at."""

from django.contrib.auth import authenticate, login
from django.http import HttpResponse
from django.urls import include, path


def sign_in(request):
    user = authenticate(request, username=request.POST["name"], password=request.POST["password"])
    if user is None:
        return HttpResponse(status=403)
    login(request, user)
    return HttpResponse(status=204)


urlpatterns = [
    path("login", sign_in),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]
