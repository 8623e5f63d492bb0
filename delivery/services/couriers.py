"""Couriers as the settings describe them."""

from __future__ import annotations

import ipaddress
import os
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings

from delivery.dispatcher import Dispatcher
from delivery.rules import LONGEST_CONVERSATION
from delivery.sts_store import RedisPolicyStore
from delivery.transports.courier import Courier
from delivery.transports.dns import Resolver
from delivery.transports.mta_sts import Policies
from delivery.transports.smtp import Timeouts


def make_courier(patience: timedelta = LONGEST_CONVERSATION) -> Courier:
    """Made in the event loop that it belongs to; `patience` is for one message."""
    resolver = make_resolver()
    relay = urlsplit(settings.SMTP_SMARTHOST)
    ca_file = Path(settings.SMTP_CA_FILE) if settings.SMTP_CA_FILE else None
    return Courier(
        resolver,
        helo_name=settings.MAIL_HOSTNAME,
        policies=Policies(resolver, RedisPolicyStore(settings.REDIS_URL)),
        smarthost=(relay.hostname, relay.port or 587) if relay.hostname else None,
        login=(unquote(relay.username), unquote(relay.password or "")) if relay.username else None,
        ca_file=ca_file,
        port=settings.SMTP_PORT,
        connections_per_host=settings.SMTP_CONNECTIONS_PER_HOST,
        processes=settings.SENDING_PROCESSES,
        timeouts=Timeouts(total=patience.total_seconds()),
    )


def make_resolver() -> Resolver:
    """Asks the name servers of the settings, or the system's."""
    parts = [urlsplit(f"//{each}") for each in settings.MAIL_RESOLVERS]
    nameservers = [(part.hostname or "", part.port or 53) for part in parts]
    networks = [ipaddress.ip_network(network) for network in settings.MAIL_ALLOWED_NETWORKS]
    validating = settings.MAIL_RESOLVERS_VALIDATE
    return Resolver(nameservers or None, networks, validating=validating)


def dispatcher() -> Dispatcher:
    """This process's own; another one after a fork, or where the settings changed."""
    return _dispatcher(
        os.getpid(), settings.SMTP_PORT, settings.SMTP_CA_FILE, tuple(settings.MAIL_RESOLVERS)
    )


@lru_cache(maxsize=1)
def _dispatcher(*_process_and_settings: object) -> Dispatcher:
    return Dispatcher(make_courier)
