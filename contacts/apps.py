from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "contacts"

    def ready(self) -> None:
        from accounts.services import on_new_organization
        from contacts.services import add_starter_fields

        on_new_organization(add_starter_fields)
