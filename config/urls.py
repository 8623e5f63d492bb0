"""Every address of the site."""

from django.urls import include, path

from accounts import urls as accounts_urls

urlpatterns = [
    path("", include(accounts_urls.urlpatterns)),
    path("accounts/", include("allauth.account.urls")),
    path("o/<slug:organization>/", include((accounts_urls.organization_urlpatterns, "people"))),
]
