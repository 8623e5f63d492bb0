from django.apps import AppConfig


class SealwrightConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import celery  # noqa: F401 - shared_task needs the configured application
