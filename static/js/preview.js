// Chooses the made-up person and the width of a preview.
for (const box of document.querySelectorAll("[data-previews]")) {
  const frame = box.querySelector("iframe");
  box.querySelector("[data-person]").addEventListener("change", (event) => {
    frame.src = event.target.value;
  });
  box.querySelector("[data-device]").addEventListener("change", (event) => {
    frame.classList.toggle("mail-frame-phone", event.target.value === "phone");
  });
}
