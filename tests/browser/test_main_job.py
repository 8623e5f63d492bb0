"""The whole job, through the browser and over real mail servers."""

from __future__ import annotations

import re
import time
from email import policy
from email.parser import BytesParser
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from accounts.rules import Role
from config.demo.world.servers import MailWorld
from config.demo.world.store import StoredMessage
from tests.browser.conftest import PHONE, Person
from tests.people import Room
from tests.post import zone_of

ANN, BOB = "ann.example@riverside-mail.test", "bob.example@plainmail.test"
SOMEBODY = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/605"
"""A headless browser says that it is one, and is rightly counted as a machine."""
HTML = """<p>Dear {{ first_name|default("patient") }},</p>
<p>a class for people with {{ conditions }}.</p>
<p><a href="https://www.riverside.test/classes">See the classes</a></p>
<p>{{ organization_name }}, {{ postal_address }} <a href="{{ unsubscribe_url }}">Stop</a></p>"""


def patients_csv(folder: Path) -> Path:
    rows = ["MRN,First Name,Last Name,Email,DOB,Conditions"]
    rows.append(f"R1,Ann,Able,{ANN},1950-06-07,Diabetes")
    rows.append(f"R2,Bob,Baker,{BOB},1961-02-03,Diabetes")
    rows += [
        f"R{n},Pat{n},Example,pat{n}@valleymail.test,1970-01-{n % 28 + 1:02},Asthma"
        for n in range(3, 30)
    ]
    rows.append("R99,Bad,Date,bad@valleymail.test,1980-02-31,Asthma")
    path = folder / "patients.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_from_a_file_of_patients_to_a_report_that_adds_up(
    browser: Browser,
    origin: str,
    committed_room: Room,
    mail_world: MailWorld,
    axe: str,
    tmp_path: Path,
) -> None:
    marketer = Person(browser, origin).sign_in(committed_room, Role.MARKETER)
    officer = Person(browser, origin).sign_in(committed_room, Role.PRIVACY_OFFICER)
    owner = Person(browser, origin).sign_in(committed_room, Role.OWNER)
    marketer.check_page(axe)

    add_sender(owner.page, committed_room, mail_world)
    owner.check_page(axe)
    import_patients(marketer, patients_csv(tmp_path), axe)
    build_segment(marketer, axe)
    publish_form(officer, axe)
    for record_number in ("R1", "R2"):
        record_signature(officer, record_number, axe)
    write_template(marketer, axe)
    campaign = make_campaign(marketer, axe)
    approve(officer, campaign, axe)
    launch(marketer, axe)

    ann = read_mail(mail_world, ANN)
    bob = read_mail(mail_world, BOB)
    assert ann.tls_version
    assert bob.plaintext
    assert "Diabetes" in html_of(ann)
    assert "Diabetes" not in html_of(bob)
    assert "class for people" not in html_of(bob)

    open_and_click(browser, origin, html_of(ann))
    pick_up(Person(browser, origin, PHONE), mail_world, html_of(bob), axe)
    read_report(marketer, axe)


def add_sender(page: Page, room: Room, world: MailWorld) -> None:
    page.get_by_role("link", name="Senders").click()
    page.get_by_label("Name").fill("Riverside Health")
    page.get_by_label("Address").fill("care@riverside.test")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("._domainkey.riverside.test").first).to_be_visible()
    world.zone.update(zone_of(room.riverside))
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("Ready to send.")).to_be_visible()


def import_patients(person: Person, csv: Path, axe: str) -> None:
    page = person.page
    page.get_by_role("link", name="Imports", exact=True).click()
    page.get_by_role("link", name="Import").last.click()
    page.locator("input[type=file]").set_input_files(csv)
    page.get_by_role("button", name="Upload", exact=True).click()
    check = page.get_by_role("button", name="Check 30 rows")
    expect(check).to_be_visible(timeout=30_000)
    person.check_page(axe)
    assert "Diabetes" not in page.content(), "values are masked before they are imported"
    check.click()
    take = page.get_by_role("button", name="Import 29 patients")
    expect(take).to_be_visible(timeout=30_000)
    person.check_page(axe)
    take.click()
    expect(page.get_by_text("All 30 rows were read")).to_be_visible(timeout=30_000)
    person.check_page(axe)
    page.get_by_text("Correct rows in a spreadsheet").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("rejected", re.IGNORECASE)).click()
    rejected = Path(download.value.path()).read_text()
    assert "1980-02-31" in rejected
    assert "R99" in rejected


def build_segment(person: Person, axe: str) -> None:
    page = person.page
    page.get_by_role("link", name="Segments").click()
    page.get_by_role("link", name=re.compile("segment", re.IGNORECASE)).last.click()
    page.get_by_label("Name").fill("People with diabetes")
    page.get_by_role("button", name="Add condition").first.click()
    page.get_by_label("Field").fill("Conditions")
    page.get_by_role("option", name="Conditions").click()
    page.get_by_label("Diabetes").check()
    answer = page.locator(".segment-answer")
    expect(answer).to_contain_text("10 or fewer", timeout=5_000)
    expect(answer).to_contain_text("Diabetes")
    person.check_page(axe)
    page.get_by_role("button", name="Save segment").click()
    expect(page.get_by_text("People with diabetes").first).to_be_visible()


def publish_form(person: Person, axe: str) -> None:
    page = person.page
    page.get_by_role("link", name="Authorizations").click()
    page.get_by_role("link", name=re.compile("form", re.IGNORECASE)).last.click()
    page.get_by_label("Name", exact=True).fill("Wellness offers")
    page.locator("#id_no_conditioning").fill("")
    publish = page.get_by_role("button", name="Save and publish")
    expect(publish).to_be_disabled(timeout=5_000)
    expect(page.get_by_text("164.508(c)(2)(ii)").first).to_be_visible()
    page.locator("#id_no_conditioning").fill(
        "Your care does not depend on this form. We treat you the same if you do not sign. Payment,"
        " enrollment in a plan and what you are eligible for stay the same too."
    )
    expect(publish).to_be_enabled(timeout=5_000)
    person.check_page(axe)
    publish.click()
    expect(page.get_by_text("Version 1").first).to_be_visible()


def record_signature(person: Person, record_number: str, axe: str) -> None:
    page = person.page
    page.get_by_role("link", name="Patients").click()
    page.get_by_role("textbox").fill(record_number)
    page.get_by_role("button", name="Find").click()
    page.locator("tbody a").first.click()
    page.locator("header").get_by_role("link", name="Authorizations").click()
    page.get_by_text("Record a signed paper").click()
    page.locator("#id_version").select_option(index=0)
    page.locator("#id_signed_on").fill(time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400)))
    page.get_by_label("The patient").check()
    page.locator("#id_signer_name").fill("A. Patient")
    page.get_by_role("radio", name="On paper").check()
    page.get_by_label(re.compile("given a copy")).check()
    person.check_page(axe)
    page.get_by_role("button", name="Record the signature").click()
    expect(page.get_by_text("Valid", exact=True)).to_be_visible()


def write_template(person: Person, axe: str) -> None:
    page = person.page
    page.get_by_role("link", name="Templates").click()
    page.get_by_role("link", name=re.compile("first one|New template")).click()
    page.get_by_label("Name").fill("Diabetes class")
    page.get_by_label("Subject").fill("A class near you")
    page.get_by_label("Message (HTML)").fill("{% for x in range(10) %}{{ x }}{% endfor %}")
    page.get_by_role("button", name="Save and preview").click()
    expect(page.get_by_role("alert").first).to_contain_text("loop")
    page.get_by_label("Message (HTML)").fill(HTML)
    person.complaints.clear()
    page.get_by_role("button", name="Save and preview").click()
    frame = page.frame_locator("iframe.mail-frame")
    expect(frame.get_by_text("Dear Ana,")).to_be_visible()
    page.get_by_label("Device").select_option("phone")
    assert page.locator("iframe.mail-frame").bounding_box()["width"] <= 390  # type: ignore[index]
    person.check_page(axe)


def make_campaign(person: Person, axe: str) -> str:
    page = person.page
    page.get_by_role("link", name="Campaigns").first.click()
    page.get_by_role("link", name=re.compile("first one|New campaign")).click()
    page.get_by_label("Name").fill("Autumn class")
    page.get_by_label("Who should get it?").select_option(label="People with diabetes")
    page.get_by_label("What should they get?").select_option(label="Diabetes class")
    page.get_by_label("From whom?").select_option(index=1)
    page.get_by_label("What is it about?").select_option("marketing")
    page.get_by_label("No, nobody").check()
    for question in ("gives_away", "features"):
        page.locator(f"input[name={question}][value=no]").check()
    person.check_page(axe)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("For a group this small")).to_be_visible(timeout=10_000)
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("waits for a second person")).to_be_visible()
    person.check_page(axe)
    return page.url


def approve(person: Person, campaign: str, axe: str) -> None:
    page = person.page
    page.goto(campaign)
    expect(page.get_by_text("For a group this small")).to_be_visible(timeout=10_000)
    person.check_page(axe)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved.", exact=True)).to_be_visible()


def launch(person: Person, axe: str) -> None:
    page = person.page
    page.reload()
    page.get_by_role("link", name="Launch…").click()
    person.check_page(axe)
    page.get_by_role("button", name=re.compile("Send to .* patients")).click()
    expect(page.locator("[data-mailing-status=finished]")).to_be_visible(timeout=40_000)
    person.check_page(axe)


def read_mail(world: MailWorld, address: str) -> StoredMessage:
    """The newest mail of an address, which may take a moment."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := world.store.messages_for(address):
            return found[0]
        time.sleep(0.1)
    raise AssertionError("no mail arrived")


def html_of(mail: StoredMessage) -> str:
    message = BytesParser(policy=policy.default).parsebytes(mail.raw)
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def open_and_click(browser: Browser, origin: str, html: str) -> None:
    """A person opens the mail, and some seconds later clicks the link in it."""
    time.sleep(3)  # whoever clicks within two seconds of delivery is a scanner
    page = browser.new_context(user_agent=SOMEBODY).new_page()
    pixel = re.search(r'src="([^"]+/open/[^"]+)"', html)
    link = re.search(r'href="([^"]+/click/[^"]+)"', html)
    assert pixel
    assert link
    assert page.goto(pixel[1]).headers["content-type"] == "image/gif"  # type: ignore[union-attr]
    answer = page.request.get(link[1], max_redirects=0)
    assert answer.status == 302
    assert answer.headers["location"] == "https://www.riverside.test/classes"


def pick_up(patient: Person, world: MailWorld, notice: str, axe: str) -> None:
    """A patient without TLS reads the message on a phone."""
    page = patient.page
    link = re.search(r'href="([^"]+/message/[^"]+)"', notice)
    assert link
    page.goto(link[1])
    patient.check_page(axe)
    page.get_by_role("button", name="Email me a code").click()
    patient.check_page(axe)
    deadline = time.monotonic() + 20
    while "code" not in (mail := read_mail(world, BOB)).subject and time.monotonic() < deadline:
        time.sleep(0.2)
    code = re.search(r"\d{6}", mail.subject)
    assert code
    page.get_by_label("Code (6 digits)").fill(code[0])
    page.get_by_label("Month").select_option("2")
    page.get_by_label("Day").fill("3")
    page.get_by_label("Year").fill("1961")
    page.get_by_role("button", name="Open my message").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("a class for people with Diabetes")).to_be_visible()
    expect(frame.get_by_text("Dear Bob,")).to_be_visible()
    patient.check_page(axe)


def read_report(person: Person, axe: str) -> None:
    page = person.page
    page.get_by_role("link", name="Report").click()
    expect(page.get_by_text("adds up")).to_be_visible()
    outcome = page.locator("section", has_text="What became of the audience")
    expect(outcome).to_contain_text("Delivered to the mail server over verified TLS")
    expect(outcome).to_contain_text("Waiting in the secure portal")
    engagement = page.locator("section", has_text="What they did")
    for line in ("Read in the portal", "Opened by a person", "Clicked by a person"):
        expect(engagement).to_contain_text(line)
    assert "2" not in [cell.strip() for cell in outcome.locator("td").all_inner_texts()]
    person.check_page(axe)
