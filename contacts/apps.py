from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "contacts"

    def ready(self) -> None:
        from accounts.services import on_new_organization
        from contacts import queries
        from contacts.services import add_starter_fields, rebuilding
        from tenancy.models import KeyUse
        from tenancy.rotation import (
            Sealed,
            register_remaining,
            register_rotation,
            register_sealed,
        )

        on_new_organization(add_starter_fields)
        rebuilding.register()
        register_rotation(KeyUse.INDEX, rebuilding.INDEX, rebuilding.INDEX_RANK)
        profile = KeyUse.PROFILE
        # Whoever was erased is known by a token alone, which nothing can make under a newer key.
        register_remaining(KeyUse.INDEX, queries.under_older_index)
        before = ("contacts_importchange", "before", profile, "contacts_contact", "contact_id")
        register_sealed(
            *(
                Sealed(f"contacts_{table}", column, profile, f"contacts_{table}", at_once=at_once)
                for table, column, at_once in (
                    ("contact", "profile", 500),
                    ("import", "headers", 100),
                    ("importchunk", "sealed", 5),
                    ("importfragment", "sealed", 100),
                    ("importrows", "sealed", 5),
                    ("importreject", "sealed", 500),
                    ("savedmapping", "columns", 100),
                    ("segment", "tree", 100),
                    ("showncount", "tree", 100),
                    ("unmasking", "reason", 500),
                    ("export", "reason", 500),
                    ("exportchunk", "sealed", 5),
                )
            ),
            Sealed(*before),
            Sealed("contacts_export", "tree", profile, "contacts_export.tree"),
        )
