from django.http import HttpResponse
from django.urls import path

from accounts.access import organization_page
from accounts.rules import Permission


@organization_page(Permission.SEE_CONSENT)
def forms(request, **kwargs):
    return HttpResponse("")


app_name = "consent"
urlpatterns = [
    path("consent/", forms, name="forms"),
    path("contacts/<uuid:contact>/authorization/", forms, name="record"),
]
