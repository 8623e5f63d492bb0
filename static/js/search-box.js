// <search-box>: a field that offers what fits the text typed so far (ARIA combobox with a listbox).
//
// Set `search` to a function from text to options, or a promise of them: {value, label, group}.
// Choosing one fires "chosen" with the option as its detail.

const DELAY = 150;
let made = 0;

class SearchBox extends HTMLElement {
  search = async () => [];
  #chosen = "";
  #options = [];
  #active = -1;
  #asked = 0;

  connectedCallback() {
    if (this.input) return;
    const id = `search-box-${++made}`;
    this.input = this.querySelector("input");
    this.list = this.querySelector("[role=listbox]");
    this.status = this.querySelector("[role=status]");
    this.list.id = id;
    this.input.setAttribute("aria-controls", id);
    this.input.value = this.#chosen;
    this.input.addEventListener("input", (event) => {
      event.stopPropagation(); // half a word is not a change of the form
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.#offer(this.input.value), DELAY);
    });
    this.input.addEventListener("change", (event) => event.stopPropagation());
    this.input.addEventListener("click", () => this.open());
    this.input.addEventListener("keydown", (event) => this.#press(event));
    this.input.addEventListener("blur", () => this.close());
    // The list must not take the focus, or the field would close it before the click arrives.
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.#choose(this.#options[Number(option.dataset.index)]);
    });
  }

  /** What the field shows while nothing is typed. */
  get text() {
    return this.#chosen;
  }

  set text(text) {
    this.#chosen = text;
    if (this.input) this.input.value = text;
  }

  open() {
    if (!this.list.hidden) return;
    this.input.select();
    this.#offer("");
  }

  close() {
    clearTimeout(this.timer);
    this.#asked += 1;
    this.list.hidden = true;
    this.list.replaceChildren();
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.input.value = this.#chosen;
    this.status.textContent = "";
  }

  async #offer(text) {
    const asked = ++this.#asked;
    const options = await this.search(text.trim());
    if (asked !== this.#asked) return;
    this.#options = options;
    this.#active = -1;
    this.#show();
  }

  #show() {
    const groups = new Map();
    this.#options.forEach(({ label, group = "" }, index) => {
      if (!groups.has(group)) groups.set(group, this.#group(group));
      const option = element("div", { role: "option", id: `${this.list.id}-${index}` }, label);
      option.className = "search-option";
      option.dataset.index = index;
      groups.get(group).append(option);
    });
    const nothing = element("div", { class: "search-nothing" }, "Nothing found");
    this.list.replaceChildren(...(groups.size ? groups.values() : [nothing]));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    const { length } = this.#options;
    this.status.textContent = length === 1 ? "1 result" : `${length || "No"} results`;
    this.#mark(this.input.value && this.input.value !== this.#chosen ? 0 : -1);
  }

  #group(label) {
    if (!label) return element("div", { role: "presentation" });
    const group = element("div", { role: "group", "aria-label": label });
    group.append(element("div", { class: "search-group", "aria-hidden": "true" }, label));
    return group;
  }

  #mark(index) {
    this.list.querySelector("[aria-selected=true]")?.removeAttribute("aria-selected");
    this.input.removeAttribute("aria-activedescendant");
    this.#active = this.#options.length ? index : -1;
    const option = this.list.querySelector(`[data-index="${this.#active}"]`);
    if (!option) return;
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  #press(event) {
    const last = this.#options.length - 1;
    const open = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) this.open();
      else if (event.key === "ArrowDown") this.#mark(this.#active < last ? this.#active + 1 : 0);
      else this.#mark(this.#active > 0 ? this.#active - 1 : last);
    } else if (event.key === "Enter") {
      event.preventDefault(); // never sends the form
      if (open && this.#active >= 0) this.#choose(this.#options[this.#active]);
      else if (!open) this.open();
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      this.close();
    }
  }

  #choose(option) {
    this.text = option.label;
    this.close();
    this.dispatchEvent(new CustomEvent("chosen", { detail: option, bubbles: true }));
  }
}

function element(name, attributes, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

customElements.define("search-box", SearchBox);
