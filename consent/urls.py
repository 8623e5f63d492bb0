"""Addresses under `/o/<organization>/`."""

from django.urls import path

from consent.views import (
    builder,
    patients,
    policy,
    rules,
    suppressions,
    topics,
    versions,
    wishes,
)

app_name = "consent"
urlpatterns = [
    path("consent/", builder.forms, name="forms"),
    path("consent/rules/", rules.rules, name="rules"),
    path("suppressions/", suppressions.suppressions, name="suppressions"),
    path("suppressions/find/", suppressions.suppression_find, name="suppression_find"),
    path("suppressions/add/", suppressions.suppression_add, name="suppression_add"),
    path("suppressions/import/", suppressions.suppression_import, name="suppression_import"),
    path(
        "suppressions/import/confirm/",
        suppressions.suppression_import_confirm,
        name="suppression_import_confirm",
    ),
    path(
        "suppressions/<uuid:suppression>/lift/",
        suppressions.suppression_lift,
        name="suppression_lift",
    ),
    path("consent/policy/", policy.policy, name="policy"),
    path("consent/policy/<slug:pack>/", policy.pack, name="pack"),
    path("consent/forms/new/", builder.form_new, name="form_new"),
    path("consent/forms/check/", builder.form_check, name="form_check"),
    path("consent/forms/<uuid:form>/", builder.form, name="form"),
    path("consent/forms/<uuid:form>/check/", builder.form_recheck, name="form_recheck"),
    path("consent/forms/<uuid:form>/<str:language>/", builder.translation, name="translation"),
    path("consent/versions/<uuid:version>/", versions.form_version, name="form_version"),
    path(
        "consent/versions/<uuid:version>/print/<str:language>/",
        versions.form_print,
        name="form_print",
    ),
    path(
        "consent/authorizations/<uuid:authorization>/",
        patients.authorization,
        name="authorization",
    ),
    path("consent/authorizations/<uuid:authorization>/revoke/", patients.revoke, name="revoke"),
    path("consent/authorizations/<uuid:authorization>/dispute/", patients.dispute, name="dispute"),
    path(
        "consent/authorizations/<uuid:authorization>/copy/",
        patients.copy_given,
        name="copy_given",
    ),
    path("consent/requests/<uuid:signing_request>/", patients.signing_request, name="request"),
    path("consent/scans/<uuid:scan>/", patients.scan, name="scan"),
    path("contacts/<uuid:contact>/authorization/", patients.record, name="record"),
    path("contacts/<uuid:contact>/wishes/", wishes.wishes, name="wishes"),
    path(
        "contacts/<uuid:contact>/wishes/birth-date/",
        wishes.allow_birth_date,
        name="allow_birth_date",
    ),
    path("contacts/<uuid:contact>/wishes/restrict/", wishes.restrict, name="restrict"),
    path("contacts/<uuid:contact>/wishes/plain-mail/", wishes.plain_mail, name="plain_mail"),
    path("contacts/<uuid:contact>/wishes/confirm/", wishes.ask_to_confirm, name="ask_to_confirm"),
    path(
        "consent/restrictions/<uuid:restriction>/end/",
        wishes.end_restriction,
        name="end_restriction",
    ),
    path("topics/", topics.topics, name="topics"),
    path("topics/<uuid:topic>/", topics.topic, name="topic"),
    path("topics/<uuid:topic>/retire/", topics.topic_retire, name="topic_retire"),
    path("contacts/<uuid:contact>/authorization/ask/", patients.ask, name="ask"),
]
