from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "delivery"

    def ready(self) -> None:
        from consent.posting import register_posting
        from consent.recent import register_received
        from contacts.vetoes import Eraser, on_erasure, veto_deletion
        from delivery import queries
        from delivery.services.copies import send_copy
        from delivery.services.erasing import erase_messages
        from tenancy.models import KeyUse
        from tenancy.rotation import Sealed, register_sealed

        veto_deletion(queries.mailed)
        register_received(queries.promotional_received)
        register_posting(lambda: queries.ready_sender() is not None, send_copy)
        on_erasure(
            Eraser(
                erase_messages,
                goes="what messages said to them",
                stays="that messages were sent, when, and with what outcome",
            )
        )
        register_sealed(
            Sealed("delivery_dkimkey", "sealed_key", KeyUse.SENDER, "delivery_dkimkey"),
            Sealed("delivery_mailing", "sealed_content", KeyUse.MESSAGE, "delivery_mailing"),
            Sealed("delivery_message", "sealed_context", KeyUse.MESSAGE, "delivery_message"),
        )
