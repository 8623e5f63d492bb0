"""What a new template begins with: short, readable on a phone, with what the law asks for."""

STARTER_HTML = """\
<style>
  body { font: 17px/1.5 Arial, Helvetica, sans-serif; color: #1c2733; margin: 0; }
  .page { max-width: 560px; margin: 0 auto; padding: 24px; }
  .button { background: #0b6477; color: #ffffff; padding: 13px 20px; border-radius: 6px;
            text-decoration: none; display: inline-block; }
  .small { color: #56657a; font-size: 14px; }
</style>
<div class="page">
  <p>Dear {{ first_name|default("patient") }},</p>
  <p>Write here what you want to tell your patients.</p>
  <p><a class="button" href="https://www.example.org/appointments">Make an appointment</a></p>
  <p class="small">
    {{ organization_name }}, {{ postal_address }}<br>
    <a href="{{ preferences_url }}">Choose what you get</a> or
    <a href="{{ unsubscribe_url }}">stop emails like this</a>
  </p>
</div>
"""
