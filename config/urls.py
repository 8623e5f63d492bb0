"""Every address of the site."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from accounts import urls as accounts_urls

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(accounts_urls.urlpatterns)),
    path("accounts/", include("accounts.sign_in_urls")),
    path("o/<slug:organization>/", include((accounts_urls.organization_urlpatterns, "people"))),
    path("o/<slug:organization>/", include("contacts.urls")),
    path("o/<slug:organization>/", include("consent.urls")),
    path("o/<slug:organization>/", include("delivery.urls")),
    path("o/<slug:organization>/", include("campaigns.urls")),
    path("o/<slug:organization>/", include("compliance.urls")),
]
if settings.DEMO:
    from config.demo import views as demo

    urlpatterns += [
        path("demo/sign-in/", demo.sign_in, name="demo_sign_in"),
        path("demo/mail/", demo.mailboxes, name="demo_mailboxes"),
        path("demo/mail/<int:number>/", demo.mail, name="demo_mail"),
        path("demo/mail/<int:number>/body/", demo.mail_body, name="demo_mail_body"),
    ]
# Last, because it begins with an organization's public code.
urlpatterns.append(path("", include("portal.urls")))
