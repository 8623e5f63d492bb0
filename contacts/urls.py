"""Pages of contacts, under `/o/<organization>/`."""

from django.urls import path

from contacts.views import imports, people, segments

app_name = "contacts"
urlpatterns = [
    path("contacts/", people.contacts, name="contacts"),
    path("contacts/<uuid:contact>/", people.contact, name="contact"),
    path("imports/", imports.imports, name="imports"),
    path("imports/new/", imports.imports_new, name="imports_new"),
    path("imports/<uuid:source>/", imports.import_detail, name="import_detail"),
    path("imports/<uuid:source>/mapping/", imports.import_mapping, name="import_mapping"),
    path("imports/<uuid:source>/discard/", imports.import_discard, name="import_discard"),
    path("imports/<uuid:source>/progress/", imports.import_progress, name="import_progress"),
    path("imports/<uuid:source>/rejected-rows/", imports.import_rejects, name="import_rejects"),
    path("segments/", segments.segments, name="segments"),
    path("segments/new/", segments.segment_new, name="segment_new"),
    path("segments/count/", segments.segment_count, name="segment_count"),
    path("segments/<uuid:segment>/", segments.segment, name="segment"),
    path("segments/<uuid:segment>/save/", segments.segment_save, name="segment_save"),
]
