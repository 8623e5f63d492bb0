"""The way of a message to its recipient's mail server. Asyncio only: no Django, no Celery.

``Courier.send`` is the door; what became of a message is one of the types in ``outcomes``. Below
it: ``plan`` says which hosts and what must hold for each (``dns``, ``mta_sts``, ``dane``), ``pool``
keeps connections, ``smtp`` speaks over a ``wire``.
"""
