// The segment builder: turns the tree in a hidden input into controls, and the controls back into
// the tree. The server decides what is valid, counts, and says it in words.

const form = document.getElementById("segment");
const output = document.getElementById("segment-tree");
const root = document.getElementById("segment-root");
const undo = document.getElementById("segment-undo");
const said = document.getElementById("segment-said");
const palette = JSON.parse(document.getElementById("segment-palette").textContent);
const subjects = new Map(palette.subjects.map((subject) => [subject.key, subject]));
const displays = new Map(Object.entries(palette.displays));
const earlier = []; // trees before each change, the latest last
let settled = ""; // the tree after the last change
const MOST_UNDONE = 50;

const GROUPS = ["all", "any", "none"];
const NAMES_OF_SCOPES = { last: Number, days: Number, campaign: String };

const clone = (selector) =>
  document.importNode(document.querySelector(selector).content, true).firstElementChild;
const part = (element, name) => element.querySelector(`:scope [data-part="${name}"]`);
const subjectOf = (condition) => subjects.get(condition.dataset.subject);
const comparisonOf = (condition) =>
  subjectOf(condition)?.comparisons.find(
    (each) => each.operator === part(condition, "operator").value,
  );
const memberOf = (element) => element.closest(".segment-member");
const groupOf = (member) => member.parentElement.closest(".segment-group");

// From the tree to controls ----------------------------------------------------------------------

function build(node) {
  if (GROUPS.includes(node.kind)) return buildGroup(node);
  if (node.kind === "consent") return buildCondition("consent:", node.state, [node.purpose]);
  if (node.kind === "engagement") {
    const [[scope, value]] = Object.entries(node.scope);
    return buildCondition(`engagement:${node.event}`, `${node.state}:${scope}`, [value]);
  }
  return buildCondition(node.field, node.operator, node.values);
}

function buildGroup(node) {
  const group = clone("#segment-group");
  part(group, "kind").value = node.kind;
  part(group, "tools").append(clone("#segment-tools"));
  part(group, "members").append(...node.of.map(build));
  return group;
}

function buildCondition(subject, operator, values) {
  const condition = clone("#segment-condition");
  const box = searchBox("Field", "Choose a field", searchSubjects);
  part(condition, "subject").append(box);
  part(condition, "tools").append(clone("#segment-tools"));
  if (subject) {
    box.text = subjects.get(subject).label;
    condition.dataset.subject = subject;
    showComparisons(condition, operator);
    fill(part(condition, "value"), values.map(String));
  }
  return condition;
}

function searchBox(label, placeholder, search) {
  const box = clone("#segment-search");
  const input = box.querySelector("input");
  input.setAttribute("aria-label", label);
  input.placeholder = placeholder;
  box.querySelector("[role=listbox]").setAttribute("aria-label", "Suggestions");
  box.search = search;
  return box;
}

function searchSubjects(text) {
  const words = text.toLowerCase().split(/\s+/);
  return [...subjects.values()]
    .filter(({ label, group }) =>
      words.every((word) => `${label} ${group}`.toLowerCase().includes(word)),
    )
    .map(({ key, label, group }) => ({ value: key, label, group }));
}

function showComparisons(condition, operator) {
  const select = part(condition, "operator");
  const shown = subjectOf(condition).comparisons.filter(
    (each) => each.offered || each.operator === operator,
  );
  select.replaceChildren(...shown.map((each) => new Option(each.label, each.operator)));
  select.hidden = false;
  if (operator) select.value = operator;
  showEditor(condition);
}

function showEditor(condition) {
  const { editor, choices } = comparisonOf(condition);
  const place = part(condition, "value");
  place.dataset.editor = editor;
  place.replaceChildren();
  if (editor === "none") return;
  const control = clone(`template[data-editor~="${editor === "code" ? "codes" : editor}"]`);
  const offered = choices ?? subjectOf(condition).choices;
  if (editor === "choice") {
    control.append(...offered.map(([value, label]) => new Option(label, value)));
  } else if (editor === "choices") {
    control.append(...offered.map(([value, label]) => checkbox(value, label)));
  } else if (editor === "picks" || editor === "states") {
    part(control, "search").append(
      picker(place, "Find a value", "Type a name", (text) =>
        fitting(offered, text, editor === "states"),
      ),
    );
  } else if (editor === "codes" || editor === "code") {
    const field = condition.dataset.subject;
    part(control, "search").append(
      picker(place, "Find a code", "Type a name or a code", (text) => codes(field, text)),
    );
  }
  place.append(control);
}

function checkbox(value, label) {
  const line = clone("#segment-check");
  line.querySelector("input").value = value;
  line.querySelector("span").textContent = label;
  return line;
}

/** A search whose findings stand above it, one by one. */
function picker(place, label, placeholder, search) {
  const find = searchBox(label, placeholder, search);
  find.addEventListener("chosen", (event) => {
    event.stopPropagation();
    displays.set(event.detail.value, event.detail.label);
    addCode(place, event.detail.value);
    find.text = "";
    update();
  });
  return find;
}

/** What fits the text; where `others` may be meant and nothing fits, the text itself. */
function fitting(choices, text, others) {
  const typed = text.trim();
  const found = choices
    .filter(([value, label]) => `${label} ${value}`.toLowerCase().includes(typed.toLowerCase()))
    .map(([value, label]) => ({ value, label }));
  return found.length || !others || !typed ? found : [{ value: typed, label: typed }];
}

async function codes(field, text) {
  const body = new FormData();
  body.append("field", field);
  body.append("text", text);
  // By POST: what is looked for can tell a diagnosis.
  const answer = await fetch(form.dataset.codes, {
    method: "POST",
    body,
    headers: { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
  });
  return answer.ok ? (await answer.json()).codes : [];
}

function addCode(place, key) {
  const list = place.querySelector(".segment-codes");
  if (place.dataset.editor === "code") list.replaceChildren();
  if ([...list.children].some((each) => each.dataset.key === key)) return;
  const item = clone("#segment-code");
  const choices = new Map(subjectOf(memberOf(place)).choices);
  const display = choices.get(key) ?? displays.get(key) ?? key.split("|").pop();
  item.dataset.key = key;
  item.querySelector("span").textContent = display;
  item.querySelector("button").setAttribute("aria-label", `Remove ${display}`);
  list.append(item);
}

// Values of a condition --------------------------------------------------------------------------

function fill(place, values) {
  if (place.querySelector(".segment-codes")) {
    for (const key of values) addCode(place, key);
    return;
  }
  for (const box of place.querySelectorAll("[type=checkbox]")) {
    box.checked = values.includes(box.value);
  }
  // What is chosen comes first: the list may be longer than its window.
  place.querySelector(".segment-choices > legend")?.after(
    ...[...place.querySelectorAll(":checked")].map((box) => box.closest("label")),
  );
  const area = place.querySelector("textarea");
  if (area) area.value = values.join("\n");
  place.querySelectorAll("input:not([type=checkbox]), select").forEach((control, index) => {
    if (index < values.length) control.value = values[index];
  });
}

function valuesIn(place) {
  switch (place.dataset.editor) {
    case "none":
      return [];
    case "choices":
      return [...place.querySelectorAll(":checked")].map((box) => box.value);
    case "picks":
    case "states":
    case "code":
    case "codes":
      return [...place.querySelectorAll(".segment-codes > li")].map((each) => each.dataset.key);
    case "texts":
      return lines(place.querySelector("textarea").value);
    default:
      return [...place.querySelectorAll("input, select")].flatMap((each) => lines(each.value));
  }
}

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

// From controls to the tree ----------------------------------------------------------------------

function read(member) {
  return member.matches(".segment-group") ? readGroup(member) : readCondition(member);
}

function readGroup(group) {
  return {
    kind: part(group, "kind").value,
    of: [...part(group, "members").children].map(read),
  };
}

function readCondition(condition) {
  const { subject = "" } = condition.dataset;
  const operator = part(condition, "operator").value;
  const values = valuesIn(part(condition, "value"));
  if (subject === "consent:") return { kind: "consent", purpose: values[0], state: operator };
  if (subject.startsWith("engagement:")) {
    const [state, scope] = operator.split(":");
    const value = values.length ? NAMES_OF_SCOPES[scope](values[0]) : null;
    return { kind: "engagement", event: subject.split(":")[1], state, scope: { [scope]: value } };
  }
  return { kind: "field", field: subject, operator, values };
}

function currentTree() {
  const where = readGroup(root.firstElementChild);
  // "Any of nothing" would be nobody; an empty root means everybody, and says so.
  if (!where.of.length) where.kind = "all";
  return JSON.stringify({ where });
}

/** A whole change, which can be undone. */
function update() {
  const tree = currentTree();
  if (tree !== settled) {
    earlier.push(settled);
    earlier.splice(0, earlier.length - MOST_UNDONE);
    settled = tree;
  }
  show(tree);
}

function show(tree) {
  output.value = tree;
  undo.disabled = !earlier.length;
  for (const group of root.querySelectorAll(".segment-group")) {
    group.dataset.kind = part(group, "kind").value;
    part(group, "empty").hidden = part(group, "members").childElementCount > 0;
  }
  form.dispatchEvent(new Event("tree-changed"));
}

function rebuild(tree) {
  root.replaceChildren(buildGroup(JSON.parse(tree).where));
  part(root.firstElementChild, "tools").remove(); // the root stays
  settled = currentTree();
  show(settled);
}

// What people do ---------------------------------------------------------------------------------

const actions = {
  "add-condition": (group) => add(group, buildCondition(null, null, [])),
  "add-group": (group) => {
    const inner = buildGroup({ kind: "any", of: [] });
    part(inner, "members").append(buildCondition(null, null, []));
    add(group, inner);
  },
  duplicate: (member) => {
    const twin = build(read(member));
    member.after(twin);
    focusOn(twin, "Duplicated");
  },
  up: (member) => {
    member.previousElementSibling?.before(member);
    moved(member, "Moved up");
  },
  down: (member) => {
    member.nextElementSibling?.after(member);
    moved(member, "Moved down");
  },
  remove: (member) => {
    const group = groupOf(member);
    const next = member.nextElementSibling ?? member.previousElementSibling;
    member.remove();
    if (next) focusOn(next, "Removed");
    else group.querySelector(':scope > .btn-list [data-action="add-condition"]').focus();
    said.textContent = "Removed";
  },
  "drop-code": (member, button) => {
    const place = button.closest('[data-part="value"]');
    button.closest("li").remove();
    place.querySelector("search-box input").focus();
  },
};

function add(group, member) {
  part(group, "members").append(member);
  const box = member.querySelector("search-box");
  box.input.focus();
  box.open();
}

/** The focus stays on the menu, to move it on. */
function moved(member, what) {
  part(member, "tools").querySelector("[data-bs-toggle]").focus();
  said.textContent = what;
}

function focusOn(member, what) {
  const first = member.matches(".segment-group") ? part(member, "kind") : member.querySelector("input");
  first.focus();
  said.textContent = what;
}

root.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (!button) return;
  actions[button.dataset.action](memberOf(button), button);
  update();
});

root.addEventListener("chosen", (event) => {
  const condition = memberOf(event.target);
  condition.dataset.subject = event.detail.value;
  showComparisons(condition, null);
  part(condition, "operator").focus();
  update();
});

root.addEventListener("change", (event) => {
  if (event.target.dataset.part === "operator") {
    const condition = memberOf(event.target);
    const place = part(condition, "value");
    const { editor } = place.dataset;
    const kept = valuesIn(place);
    showEditor(condition);
    if (place.dataset.editor === editor || kindOf(place.dataset.editor) === kindOf(editor)) {
      fill(place, kept);
    }
  }
  update();
});

/** Editors of one value and of several hold the same kind. */
const kindOf = (editor) => editor.replace(/s$/, "");

root.addEventListener("input", () => show(currentTree()));

undo.addEventListener("click", () => {
  rebuild(earlier.pop());
  said.textContent = "Undone";
  if (undo.disabled) root.querySelector("select").focus();
});

rebuild(output.value);
// htmx attaches its listeners when the document is ready; the first count waits for it.
if (document.readyState !== "complete") {
  window.addEventListener("load", () => form.dispatchEvent(new Event("tree-changed")));
}
