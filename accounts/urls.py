"""Pages for a signed-in person, and an organization's staff pages."""

from django.urls import path

from accounts import views

urlpatterns = [
    path("", views.home, name="home"),
    path("second-factor/", views.second_factor, name="second_factor"),
    path("second-factor/setup/", views.second_factor_setup, name="second_factor_setup"),
]

app_name = "people"
organization_urlpatterns = [
    path("staff/", views.staff, name="staff"),
    path("staff/new/", views.staff_new, name="staff_new"),
    path("staff/<uuid:membership>/end/", views.staff_end, name="staff_end"),
    path("audit/", views.audit_log, name="audit"),
]
