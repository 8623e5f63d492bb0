"""Campaigns' pages, below `/o/<organization>/`."""

from django.urls import path

from campaigns import views

app_name = "campaigns"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("templates/", views.templates, name="templates"),
    path("templates/new/", views.template_new, name="template_new"),
    path("templates/<uuid:template>/", views.template, name="template"),
    path(
        "templates/<uuid:template>/preview/<int:person>/",
        views.template_preview,
        name="template_preview",
    ),
    path("senders/", views.senders, name="senders"),
    path("campaigns/", views.campaigns, name="campaigns"),
    path("campaigns/new/", views.campaign_new, name="campaign_new"),
    path("campaigns/<uuid:campaign>/", views.campaign, name="campaign"),
    path("campaigns/<uuid:campaign>/edit/", views.campaign_edit, name="campaign_edit"),
    path("campaigns/<uuid:campaign>/forecast/", views.campaign_forecast, name="campaign_forecast"),
    path("campaigns/<uuid:campaign>/progress/", views.campaign_progress, name="campaign_progress"),
    path("campaigns/<uuid:campaign>/submit/", views.campaign_submit, name="campaign_submit"),
    path("campaigns/<uuid:campaign>/decide/", views.campaign_decide, name="campaign_decide"),
    path("campaigns/<uuid:campaign>/launch/", views.campaign_launch, name="campaign_launch"),
    path(
        "campaigns/<uuid:campaign>/sending/<str:act>/", views.campaign_steer, name="campaign_steer"
    ),
    path("campaigns/<uuid:campaign>/report/", views.campaign_report, name="campaign_report"),
]
