"use strict";

// Shows what has been typed into the password fields of a form, as long as one wants to see it. A form that is sent has
// password fields again, so that no browser keeps the text among the words that it offers for others.
for (const button of document.querySelectorAll("[data-reveal]")) {
  const fields = [...button.form.querySelectorAll("input[type=password]")];
  const show = (shown) => {
    for (const field of fields) field.type = shown ? "text" : "password";
    button.textContent = shown ? button.dataset.hide : button.dataset.show;
  };
  button.addEventListener("click", () => show(fields[0].type === "password"));
  button.form.addEventListener("submit", () => show(false));
  addEventListener("pagehide", () => show(false));
  button.setAttribute("aria-controls", fields.map(({ id }) => id).join(" "));
  show(false);
  button.hidden = false;
}
