"""Addresses under `/o/<organization>/`."""

from django.urls import path

from compliance import views

app_name = "compliance"
urlpatterns = [
    path("privacy/", views.dashboard, name="dashboard"),
    path("privacy/export/", views.export, name="export"),
    path("privacy/check/", views.check, name="check"),
    path("privacy/alerts/<uuid:alert>/", views.close_alert, name="close_alert"),
]
