// Opens and closes all answers of a page at once; on paper all are open.
document.addEventListener("DOMContentLoaded", () => {
  const folds = [...document.querySelectorAll("details.fold")];
  if (!folds.length) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "open-all btn btn-sm btn-outline-secondary";
  const say = () => { button.textContent = folds.every((fold) => fold.open) ? "Close all answers" : "Open all answers"; };
  button.addEventListener("click", () => {
    const open = !folds.every((fold) => fold.open);
    for (const fold of folds) fold.open = open;
    say();
  });
  for (const fold of folds) fold.addEventListener("toggle", say);
  say();
  document.querySelector("article h1").before(button);
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = folds.filter((fold) => !fold.open);
    for (const fold of closed) fold.open = true;
  });
  window.addEventListener("afterprint", () => { for (const fold of closed) fold.open = false; });
});
