// The segment builder: turns the tree in a hidden input into controls, and the controls back into
// the tree. The server decides what is valid, counts, and says it in words.

const form = document.getElementById("segment");
const output = document.getElementById("segment-tree");
const root = document.getElementById("segment-root");
const palette = JSON.parse(document.getElementById("segment-palette").textContent);
const subjects = new Map(palette.subjects.map((subject) => [subject.key, subject]));

const CONSENT = "consent:"; // no field key holds a colon
const CONSENT_COMPARISONS = [
  { operator: "has", label: "has a live one for", editor: "choice" },
  { operator: "lacks", label: "has no live one for", editor: "choice" },
];
if (palette.purposes.length) {
  subjects.set(CONSENT, {
    key: CONSENT,
    label: "Authorization",
    group: "Consent",
    comparisons: CONSENT_COMPARISONS,
    choices: palette.purposes,
  });
}

const clone = (selector) =>
  document.querySelector(selector).content.firstElementChild.cloneNode(true);
const part = (element, name) => element.querySelector(`:scope [data-part="${name}"]`);
const subjectOf = (condition) => subjects.get(part(condition, "subject").value);
const comparisonOf = (condition) =>
  subjectOf(condition).comparisons.find(
    (each) => each.operator === part(condition, "operator").value,
  );

// From the tree to controls ----------------------------------------------------------------------

function buildGroup(node) {
  const group = clone("#segment-group");
  part(group, "kind").value = node.kind;
  part(group, "members").append(...node.of.map(build));
  return group;
}

function build(node) {
  if (node.kind === "all" || node.kind === "any") return buildGroup(node);
  return node.kind === "consent"
    ? buildCondition(CONSENT, node.state, [node.purpose])
    : buildCondition(node.field, node.operator, node.values);
}

function buildCondition(subject, operator, values) {
  const condition = clone("#segment-condition");
  part(condition, "subject").append(...subjectGroups());
  if (subject) part(condition, "subject").value = subject;
  showComparisons(condition, operator);
  fill(part(condition, "value"), values.map(String));
  return condition;
}

function subjectGroups() {
  const groups = new Map();
  for (const { key, label, group } of subjects.values()) {
    if (!groups.has(group)) {
      groups.set(group, Object.assign(document.createElement("optgroup"), { label: group }));
    }
    groups.get(group).append(new Option(label, key));
  }
  return groups.values();
}

function showComparisons(condition, operator) {
  const { comparisons } = subjectOf(condition);
  const select = part(condition, "operator");
  select.replaceChildren(...comparisons.map((each) => new Option(each.label, each.operator)));
  if (operator) select.value = operator;
  showEditor(condition);
}

function showEditor(condition) {
  const { editor } = comparisonOf(condition);
  const place = part(condition, "value");
  place.dataset.editor = editor;
  place.replaceChildren();
  if (editor === "none") return;
  const control = clone(`template[data-editor="${editor}"]`);
  const { choices } = subjectOf(condition);
  if (editor === "choice") {
    control.append(...choices.map(([value, label]) => new Option(label, value)));
  } else if (editor === "choices") {
    control.append(...choices.map(([value, label]) => checkbox(value, label)));
  }
  place.append(control);
}

function checkbox(value, label) {
  const line = clone("#segment-check");
  line.querySelector("input").value = value;
  line.querySelector("span").textContent = label;
  return line;
}

// Values of a condition --------------------------------------------------------------------------

function fill(place, values) {
  for (const box of place.querySelectorAll("[type=checkbox]")) {
    box.checked = values.includes(box.value);
  }
  const control = place.querySelector("input:not([type=checkbox]), select, textarea");
  if (control && values.length) control.value = values.join("\n");
}

function valuesIn(place) {
  switch (place.dataset.editor) {
    case "none":
      return [];
    case "choices":
      return [...place.querySelectorAll(":checked")].map((box) => box.value);
    case "texts":
      return lines(place.querySelector("textarea").value);
    default:
      return lines(place.querySelector("input, select").value);
  }
}

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

// From controls to the tree ----------------------------------------------------------------------

function read(element) {
  return element.matches("fieldset.segment-group") ? readGroup(element) : readCondition(element);
}

function readGroup(group) {
  return {
    kind: part(group, "kind").value,
    of: [...part(group, "members").children].map(read),
  };
}

function readCondition(condition) {
  const operator = part(condition, "operator").value;
  const values = valuesIn(part(condition, "value"));
  if (subjectOf(condition).key === CONSENT) {
    return { kind: "consent", purpose: values[0], state: operator };
  }
  return { kind: "field", field: subjectOf(condition).key, operator, values };
}

function update() {
  const where = readGroup(root.firstElementChild);
  // "Any of nothing" would be nobody; an empty root means everybody, and says so.
  if (!where.of.length) where.kind = "all";
  output.value = JSON.stringify({ where });
  for (const group of root.querySelectorAll(".segment-group")) {
    part(group, "empty").hidden = part(group, "members").childElementCount > 0;
  }
  form.dispatchEvent(new Event("tree-changed"));
}

// What people do ---------------------------------------------------------------------------------

const actions = {
  "add-condition": (group) => add(group, buildCondition(null, null, [])),
  "add-group": (group) => {
    const inner = buildGroup({ kind: "any", of: [] });
    part(inner, "members").append(buildCondition(null, null, []));
    add(group, inner);
  },
  remove: (element) => {
    const next = element.parentElement.closest(".segment-group");
    element.remove();
    next.querySelector(':scope > .btn-list [data-action="add-condition"]').focus();
  },
};

function add(group, member) {
  part(group, "members").append(member);
  member.querySelector("select").focus();
}

root.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (!button) return;
  actions[button.dataset.action](button.closest(".segment-condition, .segment-group"));
  update();
});

root.addEventListener("change", (event) => {
  const condition = event.target.closest(".segment-condition");
  if (event.target.dataset.part === "subject") showComparisons(condition);
  if (event.target.dataset.part === "operator") {
    const place = part(condition, "value");
    const kept = valuesIn(place);
    showEditor(condition);
    fill(place, kept);
  }
  update();
});

root.addEventListener("input", update);

// The root cannot be removed.
root.append(buildGroup(JSON.parse(output.value).where));
root.querySelector('[data-action="remove"]').remove();
// htmx attaches its listeners when the document is ready; the first count waits for it.
if (document.readyState === "complete") update();
else window.addEventListener("load", update);
