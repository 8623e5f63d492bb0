// Shows a question only where the answer to another one asks for it. Without this file all are
// shown, and the server drops the answers that don't matter.
for (const form of document.querySelectorAll("[data-questions]")) {
  const update = () => {
    const answers = new FormData(form);
    for (const box of form.querySelectorAll("[data-when]")) {
      box.hidden = !box.dataset.is.split(" ").includes(answers.get(box.dataset.when));
    }
  };
  form.addEventListener("change", update);
  update();
}
