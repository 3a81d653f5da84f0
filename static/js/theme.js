// Loaded before the body, so that a page never flashes in the wrong theme: the remembered choice, else the system's.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = localStorage.getItem("quarterdeck-theme");
    document.documentElement.setAttribute("data-bs-theme", chosen || (dark.matches ? "dark" : "light"));
    document.dispatchEvent(new CustomEvent("themechange"));
  };
  dark.addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const now = document.documentElement.getAttribute("data-bs-theme");
    localStorage.setItem("quarterdeck-theme", now === "dark" ? "light" : "dark");
    apply();
  });
  apply();
})();
