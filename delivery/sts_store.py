"""MTA-STS policies in Redis: shared by all processes, for as long as each policy says."""

from __future__ import annotations

import asyncio
from datetime import datetime

import orjson
import redis

from delivery.transports.mta_sts import Policy, StoredPolicy


class RedisPolicyStore:
    """See `delivery.transports.mta_sts.PolicyStore`. Without Redis, policies are fetched anew."""

    def __init__(self, address: str) -> None:
        self._redis = redis.Redis.from_url(address, socket_timeout=2, socket_connect_timeout=2)

    async def get(self, domain: str) -> StoredPolicy | None:
        try:
            kept = await asyncio.to_thread(self._redis.get, _key(domain))
        except redis.RedisError:
            return None
        if not isinstance(kept, bytes):
            return None
        body = orjson.loads(kept)
        policy = Policy(body["mode"], tuple(body["patterns"]), body["max_age"])
        return StoredPolicy(
            domain, body["policy_id"], policy, datetime.fromisoformat(body["fetched_at"])
        )

    async def put(self, stored: StoredPolicy) -> None:
        body = {
            "policy_id": stored.policy_id,
            "mode": stored.policy.mode,
            "patterns": stored.policy.patterns,
            "max_age": stored.policy.max_age,
            "fetched_at": stored.fetched_at.isoformat(),
        }
        try:
            await asyncio.to_thread(
                self._redis.set, _key(stored.domain), orjson.dumps(body), ex=stored.policy.max_age
            )
        except redis.RedisError:
            return


def _key(domain: str) -> str:
    return f"mta-sts:{domain}"
