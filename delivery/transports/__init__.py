"""The way of a message to its recipient's mail server. Asyncio only: no Django, no Celery.

``Courier.send`` is the door; what became of a message is one of the types in ``outcomes``.
"""
