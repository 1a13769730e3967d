// Filters of the gallery. Without this script all cards are shown, and no filters.
"use strict";
(() => {
  const form = document.getElementById("filters");
  const told = document.getElementById("told");
  const nothing = document.getElementById("nothing");
  if (!form) return;

  const cards = Array.from(document.querySelectorAll(".card"), (element) => ({
    element,
    state: element.dataset.state,
    font: element.dataset.font,
    look: element.dataset.look,
    length: Number(element.dataset.length),
    text: element.querySelector(".label").textContent.normalize(),
  }));

  const valueOf = (name) => (form.elements[name] ? form.elements[name].value : "");

  // Of what is no number, as while it is typed, nothing is asked.
  const numberOf = (name, otherwise) => {
    const number = form.elements[name].valueAsNumber;
    return Number.isNaN(number) ? otherwise : number;
  };

  const apply = () => {
    const [state, font, look] = ["state", "font", "look"].map(valueOf);
    const text = valueOf("text").normalize();
    const least = numberOf("least", 0);
    const most = numberOf("most", Infinity);
    let shown = 0;
    for (const card of cards) {
      const fits =
        (!state || card.state === state) &&
        (!font || card.font === font) &&
        (!look || card.look === look) &&
        card.length >= least &&
        card.length <= most &&
        card.text.includes(text);
      card.element.hidden = !fits;
      shown += fits;
    }
    told.textContent = `${shown.toLocaleString("en")} of ${cards.length.toLocaleString("en")} shown`;
    nothing.hidden = shown > 0;
  };

  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("all").addEventListener("click", () => {
    form.reset();
    apply();
  });
  apply();
})();
