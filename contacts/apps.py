from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "contacts"

    def ready(self) -> None:
        from accounts.services import on_new_organization
        from contacts.services import add_starter_fields, rebuilding
        from tenancy.models import KeyUse
        from tenancy.rotation import Sealed, register_rotation, register_sealed

        on_new_organization(add_starter_fields)
        rebuilding.register()
        register_rotation(KeyUse.INDEX, rebuilding.INDEX, rebuilding.INDEX_RANK)
        profile = KeyUse.PROFILE
        before = ("contacts_importchange", "before", profile, "contacts_contact", "contact_id")
        register_sealed(
            *(
                Sealed(f"contacts_{table}", column, profile, f"contacts_{table}")
                for table, column in (
                    ("contact", "profile"),
                    ("import", "headers"),
                    ("importchunk", "sealed"),
                    ("importfragment", "sealed"),
                    ("importrows", "sealed"),
                    ("importreject", "sealed"),
                    ("savedmapping", "columns"),
                    ("segment", "tree"),
                    ("showncount", "tree"),
                    ("unmasking", "reason"),
                    ("export", "reason"),
                    ("exportchunk", "sealed"),
                )
            ),
            Sealed(*before),
        )
