// Small things every page shares. Pages work without this file, only less comfortably.

// A form that must not be sent twice says so and waits. The server refuses the second one anyway.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button:not([type=button])")) {
    button.setAttribute("aria-disabled", "true");
    button.classList.add("disabled");
  }
});

// After a failed submission the first wrong field gets the focus.
const wrong = document.querySelector("[aria-invalid=true]");
if (wrong) wrong.focus();
