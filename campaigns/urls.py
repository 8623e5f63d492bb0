"""Campaigns' pages, below `/o/<organization>/`."""

from django.urls import path

from campaigns.views import authoring, campaigns, overview

app_name = "campaigns"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("templates/", authoring.templates, name="templates"),
    path("templates/new/", authoring.template_new, name="template_new"),
    path("templates/<uuid:template>/", authoring.template, name="template"),
    path(
        "templates/<uuid:template>/preview/<int:person>/",
        authoring.template_preview,
        name="template_preview",
    ),
    path("campaigns/", campaigns.campaigns, name="campaigns"),
    path("campaigns/new/", authoring.campaign_new, name="campaign_new"),
    path("campaigns/classify/", authoring.campaign_classify, name="campaign_classify"),
    path("campaigns/<uuid:campaign>/", campaigns.campaign, name="campaign"),
    path("campaigns/<uuid:campaign>/rule/", campaigns.campaign_rule, name="campaign_rule"),
    path("campaigns/<uuid:campaign>/edit/", authoring.campaign_edit, name="campaign_edit"),
    path(
        "campaigns/<uuid:campaign>/forecast/", campaigns.campaign_forecast, name="campaign_forecast"
    ),
    path(
        "campaigns/<uuid:campaign>/progress/", campaigns.campaign_progress, name="campaign_progress"
    ),
    path("campaigns/<uuid:campaign>/asking/", campaigns.campaign_asking, name="campaign_asking"),
    path("campaigns/<uuid:campaign>/copy/", authoring.campaign_copy, name="campaign_copy"),
    path("campaigns/<uuid:campaign>/submit/", campaigns.campaign_submit, name="campaign_submit"),
    path("campaigns/<uuid:campaign>/decide/", campaigns.campaign_decide, name="campaign_decide"),
    path("campaigns/<uuid:campaign>/launch/", campaigns.campaign_launch, name="campaign_launch"),
    path(
        "campaigns/<uuid:campaign>/sending/<str:act>/",
        campaigns.campaign_steer,
        name="campaign_steer",
    ),
    path("campaigns/<uuid:campaign>/report/", campaigns.campaign_report, name="campaign_report"),
]
