"""What the demo's two campaigns say."""

_STYLE = """\
<style>
  body { font: 17px/1.55 Arial, Helvetica, sans-serif; color: #1c2733; margin: 0;
         background: #f4f6f8; }
  .page { max-width: 560px; margin: 0 auto; padding: 28px 24px; background: #ffffff; }
  .head { color: #0b6477; font-weight: bold; font-size: 19px; }
  .button { background: #0b6477; color: #ffffff; padding: 13px 20px; border-radius: 6px;
            text-decoration: none; display: inline-block; }
  .small { color: #56657a; font-size: 14px; border-top: 1px solid #dce1e7; padding-top: 16px; }
</style>
"""
_FOOT = """\
  <p class="small">{{ organization_name }}, {{ postal_address }}<br>
    <a href="{{ preferences_url }}">Choose what you get</a> or
    <a href="{{ unsubscribe_url }}">stop emails like this</a></p>
</div>
"""

FLU = (
    _STYLE
    + """\
<div class="page">
  <p class="head">Riverside Health</p>
  {% if language == "es" %}
  <p>Hola {{ first_name|default("") }}:</p>
  <p>Es hora de su vacuna contra la gripe. Se la recomendamos especialmente a usted
    {% if conditions %} por su salud ({{ conditions }}):{% endif %}
    la vacuna reduce el riesgo de una enfermedad grave.</p>
  <p><a class="button" href="https://www.riverside-health.test/gripe">Pedir una cita</a></p>
  {% else %}
  <p>Dear {{ first_name|default("patient") }},</p>
  <p>It is time for your yearly flu shot. It matters for you
    {% if conditions %}because of your health ({{ conditions }}){% endif %}:
    the shot lowers the risk of serious illness.</p>
  <p>Your provider, {{ primary_provider|default("our team") }}, recommends it before the winter.</p>
  <p><a class="button" href="https://www.riverside-health.test/flu-shots">Book your flu shot</a></p>
  {% endif %}
"""
    + _FOOT
)

WELLNESS = (
    _STYLE
    + """\
<div class="page">
  <p class="head">Riverside Health</p>
  <p>Dear {{ first_name|default("patient") }},</p>
  <p>You told us that you want to hear about wellness programs. Bluebird Fitness offers our patients
    eight weeks of classes at half the price.</p>
  <p><a class="button" href="https://www.riverside-health.test/bluebird">See the classes</a></p>
  <p>Bluebird Fitness pays us to send you this message.</p>
"""
    + _FOOT
)

STORY = (
    _STYLE
    + """\
<div class="page">
  <p class="head">Riverside Health</p>
  <p>Dear {{ first_name|default("patient") }},</p>
  <p>“They noticed what I had put off for years.” Rosa, 58, tells how she got back on her feet, and
    what our heart team would tell everybody.</p>
  <p><a class="button" href="https://www.riverside-health.test/rosa">Read her story</a></p>
"""
    + _FOOT
)
