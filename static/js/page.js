// Keyboard, refusals and other small manners of every page.
(() => {
  const GO = { h: "/", f: "/fleet/", p: "/promotions/", o: "/orders/", l: "/limits/", e: "/exit-plans/", a: "/alerts/", r: "/reconciliation/" };
  let waitsForPlace = 0;

  const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "!") {
      window.location.assign(document.querySelector("[data-kill-switch]").href);
    } else if (event.key === "g") {
      waitsForPlace = Date.now();
    } else if (GO[event.key] && Date.now() - waitsForPlace < 1500) {
      window.location.assign(GO[event.key]);
    }
  });

  // Selects and inputs that filter a list send their form by themselves.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-auto-submit]");
    if (form) form.requestSubmit();
  });

  // A form is sent once: a second press while it is on its way does nothing.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  });

  // What scrolls sideways can be reached by the keyboard; what does not scroll is no stop.
  const markScrolling = () => {
    document.querySelectorAll(".qd-scroll").forEach((element) => {
      if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
      else element.removeAttribute("tabindex");
    });
  };
  window.addEventListener("resize", markScrolling);
  document.addEventListener("htmx:afterSwap", markScrolling);
  document.addEventListener("htmx:afterSettle", markScrolling);
  markScrolling();

  document.querySelector("[data-focus]")?.focus();
})();
