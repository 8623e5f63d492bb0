"""People who were asked to sign, in front of a browser."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html import unescape
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.test import Client

from consent import queries, services
from consent.models import Authorization, FormVersion, SigningRequest
from consent.rules.forms import FormText
from consent.rules.starter import starter_form
from delivery.services.notices import send_letters
from delivery.services.senders import create_sender
from tenancy.current import acting_for
from tenancy.models import new_id
from tests.post import Post, publish

ANN, BOB = "ann@riverside-mail.test", "bob@plainmail.test"
BORN = {"month": "6", "day": "7", "year": "1950"}
SIGNED = {"what": "sign", "signer": "self", "name": "Ann Example", "read": "on"}


def spanish(text: FormText) -> FormText:
    """The starter's text in Spanish."""
    return replace(
        text,
        language="es",
        title="¿Podemos enviarle ofertas de salud por correo?",
        introduction="Es su decisión. No tiene que firmar.",
        information="Usaríamos su nombre, su edad, sus diagnósticos y sus visitas.",
        discloser=text.discloser,
        recipient="Le enviamos el correo a usted.",
        purpose_text="Le hablaríamos de salud, de nuestros servicios y de otras ofertas.",
        revocation="Puede retirar este permiso por escrito. Lo que ya se hizo no cambia.",
        how_to_revoke="Use el enlace de cualquier correo.",
        no_conditioning=(
            "Su atención, sus pagos, su inscripción y sus derechos no dependen de este formulario."
        ),
        redisclosure="Quien la reciba podría compartirla, y la ley ya no la protege.",
    )


def hidden(page: str) -> dict[str, str]:
    """What the page of a form sends along by itself."""
    names = ("text_digest", "shown")
    return {each: page.partition(f'name="{each}" value="')[2].partition('"')[0] for each in names}


@dataclass
class Asked:
    """Somebody with a link to a form."""

    post: Post
    address: str = ANN
    channel: str = "mail"
    translated: bool = False
    browser: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))
    text: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = self.post.ids.get(self.address)
        self.contact: UUID = known or self.post.people(self.address)[0]
        with acting_for(self.post.organization.id):
            create_sender("Riverside Health", f"care-{new_id().hex}@riverside.test")
        publish(self.post.organization, self.post.world)
        with acting_for(self.post.organization.id):
            text = starter_form(self.post.organization.legal_name, "privacy@riverside.test")
            text = replace(text, **self.text)
            others = [spanish(text)] if self.translated else []
            form = services.save_draft(None, f"Offers {new_id()}", text.to_json(), new_id())
            self.version: FormVersion = services.publish(form, text, new_id(), others)
            self.request_id: UUID = services.ask(
                self.contact, self.version.id, self.channel, new_id()
            ).id

    @property
    def request(self) -> SigningRequest:
        with acting_for(self.post.organization.id):
            found: SigningRequest = SigningRequest.objects.get(id=self.request_id)
            return found

    @property
    def url(self) -> str:
        with acting_for(self.post.organization.id):
            address = queries.sign_address(self.request, mailed=self.channel == "mail")
        return address.removeprefix("https://mail.riverside.test")

    def letter(self) -> bytes:
        """The request's letter, sent and fetched from the mailbox."""
        send_letters(self.post.organization.id)
        return self.post.world.store.messages_for(self.address)[-1].raw

    def page(self, query: str = "") -> str:
        return unescape(self.browser.get(self.url + query).content.decode())

    def read(self, query: str = "", **born: str) -> str:
        """Give the date of birth; then the form's text is there."""
        return self.act({"what": "show", **BORN, **born}, query)

    def sign(self, query: str = "", **other: str) -> str:
        """Fill in the pages and press the buttons."""
        answers = {**SIGNED, **hidden(self.read(query)), **other}
        given = {name: value for name, value in answers.items() if value}
        return self.act(given, query)

    def act(self, given: dict[str, str], query: str = "") -> str:
        answer: HttpResponse = self.browser.post(self.url + query, given, follow=True)
        assert answer.status_code == 200
        return unescape(answer.content.decode())

    def signed(self) -> list[Authorization]:
        with acting_for(self.post.organization.id):
            return list(Authorization.objects.filter(contact_id=self.contact))

    def evidence(self) -> dict[str, Any]:
        with acting_for(self.post.organization.id):
            (row,) = self.signed()
            return queries.opened_signature(row)
