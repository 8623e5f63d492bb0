"""Addresses under `/o/<organization>/`."""

from django.urls import path

from consent import views

app_name = "consent"
urlpatterns = [
    path("consent/", views.forms, name="forms"),
    path("consent/forms/new/", views.form_new, name="form_new"),
    path("consent/forms/check/", views.form_check, name="form_check"),
    path("consent/forms/<uuid:form>/", views.form, name="form"),
    path("consent/versions/<uuid:version>/", views.form_version, name="form_version"),
    path("consent/authorizations/<uuid:authorization>/revoke/", views.revoke, name="revoke"),
    path("consent/authorizations/<uuid:authorization>/copy/", views.copy_given, name="copy_given"),
    path("contacts/<uuid:contact>/authorization/", views.record, name="record"),
]
